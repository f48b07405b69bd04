<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What a product is to a stock system, and what one of its option values costs. Pure functions. */
final class Kind {
	const SIMPLE = 'simple';
	const OPTIONS = 'options';
	const VARIANTS = 'variants';
	const COMPLEX = 'complex';
	const CHOICE = ['select', 'radio', 'image'];
	const FREE = ['checkbox', 'text', 'textarea', 'file', 'date', 'time', 'datetime'];

	/**
	 * The table "kind" of CONTRACT.md section 4.
	 *
	 * @param array[] $options each with option_id, type, required, tracked (any value subtracts stock)
	 */
	public static function of(array $options, bool $hasVariants): string {
		if ($hasVariants) {
			return self::VARIANTS;
		}

		$tracked = 0;
		$seen = [];

		foreach ($options as $option) {
			$required = !empty($option['required']);
			$type = (string)$option['type'];

			if (isset($seen[$option['option_id']]) || ($required && in_array($type, self::FREE, true))) {
				return self::COMPLEX;
			}

			$seen[$option['option_id']] = true;

			if (!empty($option['tracked'])) {
				$tracked++;

				if (!in_array($type, self::CHOICE, true)) {
					return self::COMPLEX;
				}
			}
		}

		if ($tracked > 1) {
			return self::COMPLEX;
		}

		return $tracked === 1 ? self::OPTIONS : self::SIMPLE;
	}

	/** Absolute price of an option value from the product's price and the stored difference. */
	public static function childPrice($parent, $difference, $prefix): string {
		$base = Decimal::units($parent);
		$off = Decimal::units($difference);

		if ($prefix === '-') {
			return Decimal::text($base - $off);
		}

		return Decimal::text($prefix === '=' ? $off : $base + $off);
	}

	/** @return array{0: string, 1: string} difference and prefix that make the absolute price */
	public static function difference($parent, $child): array {
		$units = Decimal::units($child) - Decimal::units($parent);

		return [Decimal::text(abs($units)), $units < 0 ? '-' : '+'];
	}

	/** @return int[] the option values (product_option_value_id) that make a variant, from its `variant` column */
	public static function variantValues($stored): array {
		$values = [];

		foreach ((array)json_decode((string)$stored, true) as $value) {
			if (!is_array($value) && (int)$value > 0) {
				$values[] = (int)$value;
			}
		}

		return $values;
	}

	/** What these option values add to the price, in ten-thousandths: the cart adds it to a variant's price too. */
	public static function surcharge(array $chosen, array $options): int {
		$sum = 0;

		foreach ($options as $option) {
			foreach ($option['values'] as $value) {
				if (in_array($value['product_option_value_id'], $chosen, true)) {
					$sum += ($value['prefix'] === '-' ? -1 : 1) * Decimal::units($value['price']);
				}
			}
		}

		return $sum;
	}

	/** Lowest of some prices, as a decimal string. */
	public static function lowest(array $prices): string {
		return Decimal::text(min(array_map([Decimal::class, 'units'], $prices)));
	}

	public static function childSku($own, $sku, $model, int $optionValueId): string {
		if ((string)$own !== '') {
			return (string)$own;
		}

		return ((string)$sku !== '' ? $sku : $model) . '-' . $optionValueId;
	}
}
