<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** OpenCart's order columns to the wire's words. Pure functions. */
final class OrderRows {
	/**
	 * Address of an order row, or null when it was not asked for.
	 *
	 * @param string $side payment or shipping
	 * @param array $zone {code}, $country {iso_code_2, iso_code_3} or empty
	 */
	public static function address(array $row, string $side, array $zone, array $country) {
		$address = [];

		foreach (['firstname', 'lastname', 'company', 'address_1', 'address_2', 'city', 'postcode', 'zone'] as $field) {
			$address[$field] = Text::decode($row[$side . '_' . $field] ?? '');
		}

		$address['zone_code'] = Text::decode($zone['code'] ?? '');
		$address['country'] = Text::decode($row[$side . '_country'] ?? '');
		$address['iso2'] = (string)($country['iso_code_2'] ?? '');
		$address['iso3'] = (string)($country['iso_code_3'] ?? '');

		return $address['address_1'] . $address['city'] . $address['postcode'] . $address['country'] . $address['lastname'] === '' ? null : $address;
	}

	/** Name, code and cost of a payment or shipping method: JSON in 4.x, two columns in 3.0. */
	public static function method(array $row, string $side): array {
		$stored = (string)($row[$side . '_method'] ?? '');

		if (array_key_exists($side . '_code', $row)) {
			return ['name' => Text::decode(strip_tags(Text::decode($stored))), 'code' => (string)$row[$side . '_code'], 'cost' => null];
		}

		$method = json_decode($stored, true);

		if (!is_array($method)) {
			return ['name' => Text::decode($stored), 'code' => '', 'cost' => null];
		}

		$cost = $method['cost'] ?? null;

		return [
			'name' => trim(strip_tags(Text::decode((string)($method['name'] ?? $method['title'] ?? '')))),
			'code' => (string)($method['code'] ?? ''),
			'cost' => is_numeric($cost) ? Decimal::text((int)round((float)$cost * 10000)) : null,
		];
	}

	/** Comment of a history entry, with the tracking below it. */
	public static function comment(string $comment, array $tracking): string {
		$lines = [$comment];

		if (($tracking['carrier'] ?? '') !== '') {
			$lines[] = 'Carrier: ' . $tracking['carrier'];
		}

		if (($tracking['number'] ?? '') !== '') {
			$lines[] = 'Tracking number: ' . $tracking['number'];
		}

		$lines[] = $tracking['url'] ?? '';

		return implode("\n", array_filter($lines, 'strlen'));
	}

	/**
	 * One order line.
	 *
	 * @param array[] $options order_option rows, with option_value_id looked up
	 * @param array|null $child {key, sku} of the child that was sold
	 * @param array $facts {subtract, shipping} of the product, empty when it was deleted
	 * @param array $files code => {name, url} of uploaded files
	 */
	public static function line(array $row, string $sku, array $options, $child, array $facts = [], array $files = []): array {
		return [
			'order_product_id' => (int)$row['order_product_id'],
			'product_id' => (int)$row['product_id'],
			'master_id' => (int)($row['master_id'] ?? 0),
			'sku' => $sku,
			'model' => Text::decode($row['model']),
			'name' => Text::decode($row['name']),
			'quantity' => (int)$row['quantity'],
			'price' => (string)$row['price'],
			'tax' => (string)$row['tax'],
			'total' => (string)$row['total'],
			'child_key' => $child ? $child['key'] : null,
			'child_sku' => $child ? $child['sku'] : null,
			// The value of a stock-tracked option takes stock, whatever its product does.
			'subtract' => $facts ? (bool)$facts['subtract'] || ($child && strpos($child['key'], '-') !== false) : null,
			'shipping' => $facts ? (bool)$facts['shipping'] : null,
			'options' => array_map(function (array $option) use ($files): array {
				$file = $option['type'] === 'file' ? ($files[(string)$option['value']] ?? null) : null;

				return [
					'product_option_id' => (int)$option['product_option_id'],
					'product_option_value_id' => (int)$option['product_option_value_id'],
					'option_value_id' => $option['option_value_id'] === null ? null : (int)$option['option_value_id'],
					'name' => Text::decode($option['name']),
					'value' => Text::decode($option['value']),
					'type' => (string)$option['type'],
				] + ($file ? ['file' => $file] : []);
			}, $options),
		];
	}
}
