<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Special prices: `product_special` up to 4.0, rows with special = 1 of `product_discount` from 4.1 on. */
final class Specials {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/**
	 * The special of the default customer group that counts, per product: not over yet, lowest priority number, lowest price.
	 *
	 * @param array $prices product id => price
	 * @return array product id => {price, from, to}
	 */
	public function of(array $prices, int $now): array {
		if (!$prices) {
			return [];
		}

		$in = $this->shop->specialInDiscount();
		$rows = $this->shop->db->rows(
			'SELECT * FROM {' . ($in ? 'product_discount' : 'product_special') . '} WHERE product_id IN (:ids) AND customer_group_id = :grp' . ($in ? ' AND special = 1' : ''),
			['ids' => array_keys($prices), 'grp' => $this->shop->customerGroupId()]
		);

		return self::choose($rows, $prices, substr($this->shop->times->wall($now), 0, 10));
	}

	/** Pure part of of(): which row counts on that day, and what it makes of the price. */
	public static function choose(array $rows, array $prices, string $today): array {
		$best = [];

		foreach ($rows as $row) {
			$id = (int)$row['product_id'];
			$to = self::day($row['date_end']);

			if ($to !== null && $to < $today) {
				continue;
			}

			$price = self::price($prices[$id], (string)$row['price'], (string)($row['type'] ?? 'F'));
			$rank = [(int)$row['priority'], Decimal::units($price)];

			if (!isset($best[$id]) || $rank < $best[$id]['rank']) {
				$best[$id] = ['rank' => $rank, 'price' => $price, 'from' => self::day($row['date_start']), 'to' => $to];
			}
		}

		return $best;
	}

	/** Makes this the only special of the default customer group; null takes it away. */
	public function set(int $productId, $price, $from, $to) {
		$in = $this->shop->specialInDiscount();
		$table = $in ? 'product_discount' : 'product_special';
		$group = $this->shop->customerGroupId();
		$this->shop->db->run('DELETE FROM {' . $table . '} WHERE product_id = :id AND customer_group_id = :grp' . ($in ? ' AND special = 1' : ''), ['id' => $productId, 'grp' => $group]);

		if ($price !== null) {
			$row = ['product_id' => $productId, 'customer_group_id' => $group, 'priority' => 1, 'price' => $price, 'date_start' => $from ?: '0000-00-00', 'date_end' => $to ?: '0000-00-00'];
			$this->shop->db->insert($table, $in ? $row + ['quantity' => 1, 'type' => 'F', 'special' => 1] : $row);
		}
	}

	private static function price($base, string $value, string $type): string {
		if ($type === 'P') {
			return Decimal::lessPercent($base, $value);
		}

		return $type === 'S' ? Decimal::text(Decimal::units($base) - Decimal::units($value)) : Decimal::text(Decimal::units($value));
	}

	private static function day($value) {
		return (string)$value === '' || strncmp((string)$value, '0000', 4) === 0 ? null : substr((string)$value, 0, 10);
	}
}
