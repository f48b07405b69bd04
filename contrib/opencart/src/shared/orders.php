<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** `orders` and `order`. */
final class Orders {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** @return array{0: array, 1: string|null} */
	public function page(Query $query, int $now): array {
		$times = $this->shop->times;
		// While the shop edits an order it is left out; it changes when the edit is done, so it is not lost.
		$where = ['o.order_status_id > 0', Edits::none('o.order_id', $now)];
		$values = [];
		$ids = $query->ids('ids');
		$statuses = $query->ids('status_ids');
		$modified = $query->time('modified_since');
		$created = $query->time('created_since');
		$from = '{oms_order_change} c JOIN {order} o ON o.order_id = c.order_id';
		$place = 'c.changed_at';

		if ($ids !== null) {
			// Asked for by number, an order is found even if no event and no reconcile has seen it yet.
			$from = '{order} o LEFT JOIN {oms_order_change} c ON c.order_id = o.order_id';
			$place = 'COALESCE(c.changed_at, ' . $times->utcSql('o.date_modified', $now) . ')';
			$edited = (new Edits($this->shop))->waitFor($ids);
			$where = ['(o.order_status_id > 0 OR o.order_id IN (:edited))', 'o.order_id IN (:ids)'];
			$values['edited'] = array_keys($edited);
			$values['ids'] = $ids;
		}

		if ($statuses !== null) {
			$where[] = 'o.order_status_id IN (:statuses)';
			$values['statuses'] = $statuses;
		}

		if ($created !== null) {
			// An order changes no earlier than it is made: this lets the index skip the years before.
			$where[] = 'o.date_added >= :created AND ' . $place . ' >= :created_floor';
			$values['created'] = $times->lowestWall($created, $now);
			$values['created_floor'] = gmdate('Y-m-d H:i:s', $created - 93600);
		}

		if ($modified !== null) {
			$where[] = $place . ' >= :modified';
			$values['modified'] = gmdate('Y-m-d H:i:s', $modified);
		}

		if ($query->after !== '') {
			list($values['key'], $values['id']) = Cursor::decode('orders', $query->after);
			$where[] = $place . ' >= :key AND (' . $place . ' > :key OR o.order_id > :id)';
		}

		$found = $this->shop->db->rows(
			'SELECT STRAIGHT_JOIN o.order_id, ' . $place . ' AS changed_at FROM ' . $from . ' WHERE ' . implode(' AND ', $where) . ' ORDER BY ' . $place . ', ' . ($ids === null ? 'c' : 'o') . '.order_id LIMIT ' . ($query->limit + 1),
			$values
		);
		$next = $query->page('orders', $found, function (array $row): array {
			return [substr($row['changed_at'], 0, 19), (int)$row['order_id']];
		});

		return [$this->rows(array_column($found, 'changed_at', 'order_id'), $edited ?? []), $next];
	}

	/** @throws ApiError no_such_order */
	public function one(int $orderId): array {
		$edited = (new Edits($this->shop))->waitFor([$orderId]);
		$row = $this->shop->db->row('SELECT o.order_id, c.changed_at FROM {order} o LEFT JOIN {oms_order_change} c ON c.order_id = o.order_id WHERE o.order_id = :id AND (o.order_status_id > 0 OR o.order_id IN (:edited))', ['id' => $orderId, 'edited' => array_keys($edited)]);

		if (!$row) {
			throw ApiError::noOrder((string)$orderId);
		}

		$order = $this->rows([$orderId => $row['changed_at']], $edited)[0];
		$refs = (new Refs($this->shop->db))->histories($orderId);
		$order['history'] = array_map(function (array $entry) use ($refs): array {
			return [
				'order_history_id' => (int)$entry['order_history_id'],
				'status_id' => (int)$entry['order_status_id'],
				'notify' => (bool)$entry['notify'],
				'comment' => Text::decode($entry['comment']),
				'date_added' => $this->shop->times->toUtc($entry['date_added']),
				'ref' => $refs[(int)$entry['order_history_id']] ?? null,
			];
		}, $this->shop->db->rows('SELECT * FROM {order_history} WHERE order_id = :id ORDER BY order_history_id', ['id' => $orderId]));

		return $order;
	}

	/**
	 * @param array $changed order id => changed_at (UTC) in the order of the answer
	 * @param array $edited order id => status before an edit that is still under way
	 */
	private function rows(array $changed, array $edited = []): array {
		$ids = array_map('intval', array_keys($changed));

		if (!$ids) {
			return [];
		}

		$db = $this->shop->db;
		$orders = array_column($db->rows('SELECT o.*, s.name AS status_name, l.code AS language FROM {order} o LEFT JOIN {order_status} s ON s.order_status_id = o.order_status_id AND s.language_id = :language LEFT JOIN {language} l ON l.language_id = o.language_id WHERE o.order_id IN (:ids)', ['ids' => $ids, 'language' => $this->shop->languageId()]), null, 'order_id');

		foreach (array_intersect_key($edited, $orders) as $id => $status) {
			$orders[$id]['order_status_id'] = $status;
			$orders[$id]['status_name'] = $db->value('SELECT name FROM {order_status} WHERE order_status_id = :id AND language_id = :language', ['id' => $status, 'language' => $this->shop->languageId()]);
		}

		$lines = $this->lines($ids);
		$totals = $this->totals($ids);
		$zones = $this->lookup('zone', 'zone_id', 'code', $orders, ['payment_zone_id', 'shipping_zone_id']);
		$countries = $this->lookup('country', 'country_id', 'iso_code_2, iso_code_3', $orders, ['payment_country_id', 'shipping_country_id']);
		$refs = (new Refs($db))->last('history', $ids);
		$rows = [];

		foreach ($ids as $id) {
			if (!isset($orders[$id])) {
				continue;
			}

			$row = $orders[$id];
			$sides = [];

			foreach (['payment', 'shipping'] as $side) {
				$sides[$side] = OrderRows::method($row, $side);
				$sides[$side]['address'] = OrderRows::address($row, $side, $zones[(int)$row[$side . '_zone_id']] ?? [], $countries[(int)$row[$side . '_country_id']] ?? []);
			}

			unset($sides['payment']['cost']);

			if ($sides['shipping']['cost'] === null) {
				$sides['shipping']['cost'] = $this->shippingTotal($totals[$id] ?? []);
			}

			if ($sides['shipping']['code'] === '' && $sides['shipping']['name'] === '') {
				$sides['shipping']['address'] = null;
			}

			$rows[] = [
				'order_id' => $id,
				'store_id' => (int)$row['store_id'],
				'store' => ['id' => (int)$row['store_id'], 'name' => Text::decode($row['store_name']), 'url' => (string)$row['store_url']],
				'invoice_no' => (int)$row['invoice_no'] ? Text::decode($row['invoice_prefix']) . $row['invoice_no'] : '',
				'language' => (string)$row['language'],
				'date_added' => $this->shop->times->toUtc($row['date_added']),
				'changed_at' => Times::fromUtc($changed[$id]) ?: $this->shop->times->toUtc($row['date_modified']),
				'status' => ['id' => (int)$row['order_status_id'], 'name' => Text::decode($row['status_name'])],
				'currency' => (string)$row['currency_code'],
				'currency_value' => (string)$row['currency_value'],
				'total' => (string)$row['total'],
				'comment' => Text::decode($row['comment']),
				'firstname' => Text::decode($row['firstname']),
				'lastname' => Text::decode($row['lastname']),
				'email' => Text::decode($row['email']),
				'telephone' => Text::decode($row['telephone']),
				'customer_id' => (int)$row['customer_id'],
				'customer_group_id' => (int)$row['customer_group_id'],
				'payment' => $sides['payment'],
				'shipping' => $sides['shipping'],
				'lines' => $lines[$id] ?? [],
				'totals' => $totals[$id] ?? [],
				'last_ref' => $refs[$id] ?? null,
			];
		}

		return $rows;
	}

	private function lines(array $orderIds): array {
		$db = $this->shop->db;
		$products = $db->rows('SELECT * FROM {order_product} WHERE order_id IN (:ids) ORDER BY order_id, order_product_id', ['ids' => $orderIds]);
		$options = [];

		foreach ($db->rows('SELECT oo.*, pov.option_value_id FROM {order_option} oo LEFT JOIN {product_option_value} pov ON pov.product_option_value_id = oo.product_option_value_id AND oo.product_option_value_id > 0 WHERE oo.order_id IN (:ids) ORDER BY oo.order_option_id', ['ids' => $orderIds]) as $option) {
			$options[(int)$option['order_product_id']][] = $option;
		}

		$ids = array_values(array_unique(array_map('intval', array_column($products, 'product_id'))));
		$codes = (new Products($this->shop))->codes($ids);
		$facts = $ids ? array_column($db->rows('SELECT product_id, model, subtract, shipping FROM {product} WHERE product_id IN (:ids)', ['ids' => $ids]), null, 'product_id') : [];
		$models = array_column($facts, 'model', 'product_id');
		$files = (new Files($this->shop))->of($this->fileCodes($options));
		$reader = new Options($this->shop);
		$choices = $reader->of($ids);
		$variants = $this->variants($ids);
		$lines = [];
		$variantCodes = (new Products($this->shop))->codes(array_merge([], ...array_values(array_map('array_keys', $variants))));

		foreach ($products as $row) {
			$id = (int)$row['product_id'];
			$own = $options[(int)$row['order_product_id']] ?? [];
			$sku = $codes[$id]['sku'] ?? '';
			$child = null;

			if (!empty($row['master_id'])) {
				$child = ['key' => (string)$id, 'sku' => $sku];
			} elseif (isset($variants[$id])) {
				$child = $this->variant($variants[$id], $own, $variantCodes);
			} elseif (Kind::of($choices[$id] ?? [], false) === Kind::OPTIONS) {
				$child = $this->child($id, Options::tracked($choices[$id]), $own, $sku, Text::decode($models[$id] ?? ''));
			}

			$lines[(int)$row['order_id']][] = OrderRows::line($row, $sku, $own, $child, $facts[$id] ?? [], $files);
		}

		return $lines;
	}

	/** Values of the options of type file. */
	private function fileCodes(array $options): array {
		$codes = [];

		foreach ($options as $own) {
			foreach ($own as $option) {
				if ($option['type'] === 'file' && $option['value'] !== '') {
					$codes[] = (string)$option['value'];
				}
			}
		}

		return array_values(array_unique($codes));
	}

	/** Master id => variant id => option values that make it. */
	private function variants(array $masterIds): array {
		$found = [];

		if ($masterIds && $this->shop->hasVariants()) {
			foreach ($this->shop->db->rows('SELECT product_id, master_id, variant FROM {product} WHERE master_id IN (:ids)', ['ids' => $masterIds]) as $row) {
				$found[(int)$row['master_id']][(int)$row['product_id']] = Kind::variantValues($row['variant']);
			}
		}

		return $found;
	}

	/** A master sold with the option values of one of its variants is that variant: so 4.0 sells them all. */
	private function variant(array $variants, array $sold, array $codes) {
		$chosen = array_map('intval', array_column($sold, 'product_option_value_id'));

		foreach ($variants as $id => $values) {
			if ($values && !array_diff($values, $chosen)) {
				return ['key' => (string)$id, 'sku' => $codes[$id]['sku'] ?? ''];
			}
		}

		return null;
	}

	private function child(int $productId, array $option, array $sold, string $sku, string $model) {
		$chosen = array_map('intval', array_column($sold, 'product_option_value_id'));

		foreach ($option['values'] as $value) {
			if (in_array($value['product_option_value_id'], $chosen, true)) {
				return ['key' => $productId . '-' . $value['option_value_id'], 'sku' => Kind::childSku($value['own_sku'], $sku, $model, $value['option_value_id'])];
			}
		}

		return null;
	}

	private function totals(array $orderIds): array {
		$totals = [];

		foreach ($this->shop->db->rows('SELECT order_id, code, title, value, sort_order FROM {order_total} WHERE order_id IN (:ids) ORDER BY order_id, sort_order, order_total_id', ['ids' => $orderIds]) as $row) {
			$totals[(int)$row['order_id']][] = ['code' => (string)$row['code'], 'title' => Text::decode(strip_tags(Text::decode($row['title']))), 'value' => (string)$row['value'], 'sort_order' => (int)$row['sort_order']];
		}

		return $totals;
	}

	private function shippingTotal(array $totals) {
		foreach ($totals as $total) {
			if ($total['code'] === 'shipping') {
				return $total['value'];
			}
		}

		return null;
	}

	private function lookup(string $table, string $key, string $columns, array $orders, array $fields): array {
		$ids = [];

		foreach ($fields as $field) {
			$ids = array_merge($ids, array_map('intval', array_column($orders, $field)));
		}

		return array_column($this->shop->db->rows('SELECT ' . $key . ', ' . $columns . ' FROM {' . $table . '} WHERE ' . $key . ' IN (:ids)', ['ids' => array_values(array_unique($ids))]), null, $key);
	}
}
