<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** The small lists that a seller's OMS needs once. */
final class Lists {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	public function ping(Settings $settings, int $now): array {
		$has = ['variants' => $this->shop->hasVariants(), 'product_code' => $this->shop->hasProductCode(), 'special_in_discount' => $this->shop->specialInDiscount()];

		return [
			'version' => $this->shop->version(),
			'php' => PHP_VERSION,
			'module_version' => OMS_CONNECT_VERSION,
			'api' => '1',
			'store_id' => $this->shop->storeId(),
			'store_name' => Text::decode($this->shop->config('config_name')),
			'url' => $this->shop->url(),
			'currency' => (string)$this->shop->config('config_currency'),
			'language' => $this->shop->languageCode(),
			'language_id' => $this->shop->languageId(),
			'timezone' => date_default_timezone_get(),
			'weight_unit' => (string)$this->shop->db->value('SELECT unit FROM {weight_class_description} WHERE weight_class_id = :id AND language_id = :language', ['id' => (int)$this->shop->config('config_weight_class_id'), 'language' => $this->shop->languageId()]),
			'default_customer_group_id' => $this->shop->customerGroupId(),
			'new_order_status' => (int)$this->shop->config('config_order_status_id'),
			'processing_statuses' => $this->shop->statusList('config_processing_status'),
			'complete_statuses' => $this->shop->statusList('config_complete_status'),
			'capabilities' => array_keys(array_filter($has)),
			'transactions' => $this->shop->transactions(),
			'max_batch' => Api::MAX_BATCH,
			'max_limit' => 200,
			'max_skew' => Guard::SKEW,
			'request_budget' => (int)$settings->get('request_budget'),
			'server_time' => Times::format($now),
		];
	}

	public function stores(): array {
		$rows = [['id' => 0, 'code' => '0', 'name' => Text::decode($this->shop->db->value("SELECT `value` FROM {setting} WHERE `key` = 'config_name' AND store_id = 0")), 'url' => $this->mainUrl(), 'default' => true]];

		foreach ($this->shop->db->rows('SELECT store_id, name, url FROM {store} ORDER BY store_id') as $row) {
			$rows[] = ['id' => (int)$row['store_id'], 'code' => (string)$row['store_id'], 'name' => Text::decode($row['name']), 'url' => (string)$row['url'], 'default' => false];
		}

		return $rows;
	}

	public function languages(): array {
		$default = $this->shop->languageCode();

		return array_map(function (array $row) use ($default): array {
			return ['id' => (int)$row['language_id'], 'code' => (string)$row['code'], 'name' => Text::decode($row['name']), 'default' => $row['code'] === $default, 'status' => (bool)$row['status']];
		}, $this->shop->db->rows('SELECT language_id, code, name, status FROM {language} ORDER BY sort_order, language_id'));
	}

	public function currencies(): array {
		$default = (string)$this->shop->config('config_currency');

		return array_map(function (array $row) use ($default): array {
			return ['id' => (int)$row['currency_id'], 'code' => (string)$row['code'], 'name' => Text::decode($row['title']), 'default' => $row['code'] === $default, 'value' => (string)$row['value'], 'status' => (bool)$row['status']];
		}, $this->shop->db->rows('SELECT currency_id, code, title, value, status FROM {currency} ORDER BY currency_id'));
	}

	public function orderStatuses(Query $query): array {
		$language = $this->shop->languageId();

		if ($query->has('language')) {
			$language = (int)$this->shop->db->value('SELECT language_id FROM {language} WHERE code = :code', ['code' => $query->text('language')]);

			if (!$language) {
				throw ApiError::param('language', 'This shop has no language with that code.');
			}
		}

		$processing = $this->shop->statusList('config_processing_status');
		$complete = $this->shop->statusList('config_complete_status');

		return array_map(function (array $row) use ($processing, $complete): array {
			$id = (int)$row['order_status_id'];

			return ['id' => $id, 'name' => Text::decode($row['name']), 'in_processing' => in_array($id, $processing, true), 'in_complete' => in_array($id, $complete, true)];
		}, $this->shop->db->rows('SELECT order_status_id, name FROM {order_status} WHERE language_id = :language ORDER BY order_status_id', ['language' => $language]));
	}

	public function stockStatuses(): array {
		return $this->named('SELECT stock_status_id AS id, name FROM {stock_status} WHERE language_id = :language ORDER BY stock_status_id');
	}

	public function taxClasses(): array {
		return $this->named('SELECT tax_class_id AS id, title AS name FROM {tax_class} WHERE :language > 0 ORDER BY tax_class_id');
	}

	/** @return array{0: array, 1: string|null} rows and cursor, as all paged lists */
	public function categories(Query $query): array {
		$paths = [];
		list($rows, $next) = $this->paged('categories', $query, 'SELECT c.category_id AS id, c.parent_id, c.status, c.sort_order FROM {category} c WHERE c.category_id > :after ORDER BY c.category_id');
		$names = $rows ? $this->shop->db->rows(
			'SELECT cp.category_id, cd.name FROM {category_path} cp LEFT JOIN {category_description} cd ON cd.category_id = cp.path_id AND cd.language_id = :language WHERE cp.category_id IN (:ids) ORDER BY cp.category_id, cp.level',
			['ids' => array_map('intval', array_column($rows, 'id')), 'language' => $this->shop->languageId()]
		) : [];

		foreach ($names as $row) {
			$paths[(int)$row['category_id']][] = Text::decode($row['name']);
		}

		return [array_map(function (array $row) use ($paths): array {
			$path = $paths[(int)$row['id']] ?? [''];

			return ['id' => (int)$row['id'], 'parent_id' => (int)$row['parent_id'], 'name' => $path[count($path) - 1], 'path' => $path, 'status' => (bool)($row['status'] ?? true), 'sort_order' => (int)$row['sort_order']];
		}, $rows), $next];
	}

	public function attributes(Query $query): array {
		list($rows, $next) = $this->paged(
			'attributes',
			$query,
			'SELECT a.attribute_id AS id, a.attribute_group_id, ad.name, agd.name AS group_name FROM {attribute} a
			LEFT JOIN {attribute_description} ad ON ad.attribute_id = a.attribute_id AND ad.language_id = :language
			LEFT JOIN {attribute_group_description} agd ON agd.attribute_group_id = a.attribute_group_id AND agd.language_id = :language
			WHERE a.attribute_id > :after ORDER BY a.attribute_id'
		);

		return [array_map(function (array $row): array {
			return ['group_id' => (int)$row['attribute_group_id'], 'group_name' => Text::decode($row['group_name']), 'attribute_id' => (int)$row['id'], 'attribute_name' => Text::decode($row['name'])];
		}, $rows), $next];
	}

	public function manufacturers(Query $query): array {
		list($rows, $next) = $this->paged('manufacturers', $query, 'SELECT manufacturer_id AS id, name FROM {manufacturer} WHERE manufacturer_id > :after ORDER BY manufacturer_id');

		return [array_map([$this, 'idName'], $rows), $next];
	}

	public function options(Query $query): array {
		list($rows, $next) = $this->paged('options', $query, 'SELECT o.option_id AS id, o.type, od.name FROM {option} o LEFT JOIN {option_description} od ON od.option_id = o.option_id AND od.language_id = :language WHERE o.option_id > :after ORDER BY o.option_id');
		$values = [];
		$found = $rows ? $this->shop->db->rows(
			'SELECT ov.option_id, ov.option_value_id, ov.sort_order, ovd.name FROM {option_value} ov LEFT JOIN {option_value_description} ovd ON ovd.option_value_id = ov.option_value_id AND ovd.language_id = :language WHERE ov.option_id IN (:ids) ORDER BY ov.sort_order, ov.option_value_id',
			['ids' => array_map('intval', array_column($rows, 'id')), 'language' => $this->shop->languageId()]
		) : [];

		foreach ($found as $row) {
			$values[(int)$row['option_id']][] = ['option_value_id' => (int)$row['option_value_id'], 'name' => Text::decode($row['name']), 'sort_order' => (int)$row['sort_order']];
		}

		return [array_map(function (array $row) use ($values): array {
			return ['option_id' => (int)$row['id'], 'name' => Text::decode($row['name']), 'type' => (string)$row['type'], 'values' => $values[(int)$row['id']] ?? []];
		}, $rows), $next];
	}

	private function paged(string $call, Query $query, string $sql): array {
		$after = $query->after === '' ? 0 : Cursor::decode($call, $query->after)[1];
		$rows = $this->shop->db->rows($sql . ' LIMIT ' . ($query->limit + 1), ['after' => $after, 'language' => $this->shop->languageId()]);
		$next = $query->page($call, $rows, function (array $row): array {
			return ['', (int)$row['id']];
		});

		return [$rows, $next];
	}

	private function named(string $sql): array {
		return array_map([$this, 'idName'], $this->shop->db->rows($sql, ['language' => $this->shop->languageId()]));
	}

	private function idName(array $row): array {
		return ['id' => (int)$row['id'], 'name' => Text::decode($row['name'])];
	}

	private function mainUrl(): string {
		return defined('HTTP_CATALOG') ? HTTP_CATALOG : (defined('HTTP_SERVER') ? HTTP_SERVER : $this->shop->url());
	}
}
