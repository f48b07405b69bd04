<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Reads the options of many products at once. */
final class Options {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/**
	 * @param int[] $productIds
	 * @return array product id => list of {product_option_id, option_id, name, type, required, tracked, values: [...]}
	 */
	public function of(array $productIds): array {
		$found = [];

		if (!$productIds) {
			return $found;
		}

		$values = ['ids' => $productIds, 'language' => $this->shop->languageId()];
		$options = $this->shop->db->rows(
			'SELECT po.product_id, po.product_option_id, po.option_id, po.required, o.type, od.name FROM {product_option} po
			JOIN {option} o ON o.option_id = po.option_id LEFT JOIN {option_description} od ON od.option_id = po.option_id AND od.language_id = :language
			WHERE po.product_id IN (:ids) ORDER BY po.product_id, o.sort_order, po.product_option_id',
			$values
		);
		$byOption = [];

		foreach ($this->values($values) as $value) {
			$byOption[$value['product_option_id']][] = $value;
		}

		foreach ($options as $option) {
			$own = $byOption[(int)$option['product_option_id']] ?? [];
			$found[(int)$option['product_id']][] = [
				'product_option_id' => (int)$option['product_option_id'],
				'option_id' => (int)$option['option_id'],
				'name' => Text::decode($option['name']),
				'type' => (string)$option['type'],
				'required' => (bool)$option['required'],
				'tracked' => in_array(true, array_column($own, 'subtract'), true),
				'values' => $own,
			];
		}

		return $found;
	}

	/** The one stock-tracked option of a product of kind `options`, or null. */
	public static function tracked(array $options) {
		foreach ($options as $option) {
			if ($option['tracked']) {
				return $option;
			}
		}

		return null;
	}

	/** product id => true for those that are the master of others. */
	public function masters(array $productIds): array {
		if (!$productIds || !$this->shop->hasVariants()) {
			return [];
		}

		return array_fill_keys(array_map('intval', $this->shop->db->column('SELECT DISTINCT master_id FROM {product} WHERE master_id IN (:ids)', ['ids' => $productIds])), true);
	}

	private function values(array $values): array {
		$rows = $this->shop->db->rows(
			'SELECT pov.*, ovd.name, ov.image, s.sku AS own_sku FROM {product_option_value} pov
			LEFT JOIN {option_value} ov ON ov.option_value_id = pov.option_value_id
			LEFT JOIN {option_value_description} ovd ON ovd.option_value_id = pov.option_value_id AND ovd.language_id = :language
			LEFT JOIN {oms_option_sku} s ON s.product_option_value_id = pov.product_option_value_id
			WHERE pov.product_id IN (:ids) ORDER BY ov.sort_order, pov.product_option_value_id',
			$values
		);

		return array_map(function (array $row): array {
			return [
				'product_option_id' => (int)$row['product_option_id'],
				'product_option_value_id' => (int)$row['product_option_value_id'],
				'option_value_id' => (int)$row['option_value_id'],
				'name' => Text::decode($row['name']),
				'image' => (string)$row['image'],
				'quantity' => (int)$row['quantity'],
				'subtract' => (bool)$row['subtract'],
				'price' => (string)$row['price'],
				'prefix' => (string)$row['price_prefix'],
				'own_sku' => (string)$row['own_sku'],
			];
		}, $rows);
	}
}
