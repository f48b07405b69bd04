<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** `products` and `product`: whole rows with children, in a constant number of queries per page. */
final class Products {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** @return array{0: array, 1: string|null} */
	public function page(Query $query, int $now): array {
		$shop = $this->shop;
		$where = [];
		$values = [];
		$changed = "COALESCE(NULLIF(p.date_modified, '0000-00-00 00:00:00'), p.date_added, '1970-01-01 00:00:00')";
		$join = '';

		if ($shop->hasVariants()) {
			$join = ' LEFT JOIN (SELECT master_id, MAX(date_modified) AS newest FROM {product} WHERE master_id > 0 GROUP BY master_id) v ON v.master_id = p.product_id';
			$changed = 'GREATEST(' . $changed . ', COALESCE(v.newest, ' . $changed . '))';
		}

		$ids = $query->ids('ids');

		if ($ids !== null) {
			$where[] = 'p.product_id IN (:ids)';
			$values['ids'] = $ids;
		} elseif ($shop->hasVariants()) {
			$where[] = '(p.master_id = 0 OR NOT EXISTS (SELECT 1 FROM {product} m WHERE m.product_id = p.master_id))';
		}

		foreach (['sku', 'model'] as $field) {
			if ($query->has($field)) {
				$where[] = 'p.product_id IN (:by_' . $field . ')';
				$values['by_' . $field] = $field === 'sku' ? $this->bySku($query->text('sku')) : $this->byModel($query->text('model'));
			}
		}

		if ($query->has('status')) {
			$where[] = 'p.status = :status';
			$values['status'] = $query->whole('status', 1, 0, 1);
		}

		$since = $query->time('modified_since');

		if ($since !== null) {
			$where[] = $changed . ' >= :since';
			$values['since'] = $shop->times->lowestWall($since, $now);
		}

		if ($query->after !== '') {
			list($values['key'], $values['id']) = Cursor::decode('products', $query->after);
			$where[] = '(' . $changed . ' > :key OR (' . $changed . ' = :key AND p.product_id > :id))';
		}

		$rows = $shop->db->rows('SELECT p.product_id, ' . $changed . ' AS place FROM {product} p' . $join . ($where ? ' WHERE ' . implode(' AND ', $where) : '') . ' ORDER BY place, p.product_id LIMIT ' . ($query->limit + 1), $values);
		$next = $query->page('products', $rows, function (array $row): array {
			return [substr($row['place'], 0, 19), (int)$row['product_id']];
		});

		return [$this->rows(array_map('intval', array_column($rows, 'product_id')), $now), $next];
	}

	/** @throws ApiError no_such_product */
	public function one(int $productId, int $now): array {
		$rows = $this->rows([$productId], $now);

		if (!$rows) {
			throw ApiError::noProduct('product_id', (string)$productId);
		}

		return $rows[0];
	}

	/** Ids of the rows that a SKU leads to: the product, the master of a variant, the owner of an option value. */
	public function bySku(string $sku): array {
		$stored = Text::encode($sku);
		$shop = $this->shop;
		$own = $shop->hasProductCode()
			? $shop->db->column("SELECT product_id FROM {product_code} WHERE code = 'SKU' AND value = :sku", ['sku' => $stored])
			: $shop->db->column('SELECT product_id FROM {product} WHERE sku = :sku', ['sku' => $stored]);
		$child = $shop->db->column('SELECT pov.product_id FROM {oms_option_sku} s JOIN {product_option_value} pov ON pov.product_option_value_id = s.product_option_value_id WHERE s.sku = :sku', ['sku' => $sku]);

		return $this->masters(array_map('intval', array_merge($own, $child)));
	}

	/**
	 * Product rows of CONTRACT.md section 4, in the order of the ids.
	 *
	 * @param int[] $ids
	 */
	public function rows(array $ids, int $now): array {
		$shop = $this->shop;

		if (!$ids) {
			return [];
		}

		$products = $this->load($ids);
		$variants = $this->variants($ids);
		$variantRows = array_merge([], ...array_values($variants));
		$all = array_merge($ids, array_map('intval', array_column($variantRows, 'product_id')));
		$codes = $this->codes($all);
		$options = (new Options($shop))->of($ids);
		$specials = (new Specials($shop))->of(array_column($products, 'price', 'product_id'), $now);
		$texts = $this->texts($ids);
		$categories = $this->grouped('SELECT product_id, category_id FROM {product_to_category} WHERE product_id IN (:ids) ORDER BY category_id', $ids);
		$attributes = $this->grouped('SELECT pa.product_id, pa.attribute_id, pa.text, ad.name FROM {product_attribute} pa LEFT JOIN {attribute_description} ad ON ad.attribute_id = pa.attribute_id AND ad.language_id = pa.language_id WHERE pa.language_id = :language AND pa.product_id IN (:ids) ORDER BY pa.attribute_id', $ids);
		$images = $this->grouped('SELECT product_id, image FROM {product_image} WHERE product_id IN (:ids) ORDER BY sort_order, product_image_id', $ids);
		$default = $shop->languageCode();
		$rows = [];

		foreach ($ids as $id) {
			if (!isset($products[$id])) {
				continue;
			}

			$row = $products[$id];
			$own = $codes[$id] ?? [];
			$choice = $options[$id] ?? [];
			$kind = Kind::of($choice, isset($variants[$id]));
			$special = $specials[$id] ?? null;
			$names = $texts[$id] ?? [];
			$children = [];

			if ($kind === Kind::OPTIONS) {
				$children = $this->optionChildren($id, $row, $own, Options::tracked($choice));
			} elseif ($kind === Kind::VARIANTS) {
				$children = $this->variantChildren($variants[$id], $codes, $choice, $row['price']);
			}

			$rows[] = [
				'product_id' => $id,
				'master_id' => (int)($row['master_id'] ?? 0),
				'kind' => $kind,
				'sku' => $own['sku'] ?? '',
				'model' => Text::decode($row['model']),
				'ean' => $own['ean'] ?? '',
				'upc' => $own['upc'] ?? '',
				'jan' => $own['jan'] ?? '',
				'isbn' => $own['isbn'] ?? '',
				'mpn' => $own['mpn'] ?? '',
				'name' => $names[$default]['name'] ?? '',
				'description' => $names[$default]['description'] ?? '',
				'price' => (string)$row['price'],
				'special' => $special ? $special['price'] : null,
				'special_from' => $special ? $special['from'] : null,
				'special_to' => $special ? $special['to'] : null,
				'quantity' => (int)$row['quantity'],
				'subtract' => (bool)$row['subtract'],
				'status' => (bool)$row['status'],
				'minimum' => (int)$row['minimum'],
				'stock_status_id' => (int)$row['stock_status_id'],
				'tax_class_id' => (int)$row['tax_class_id'],
				'weight' => (string)$row['weight'],
				'weight_unit' => (string)$row['weight_unit'],
				'manufacturer' => $row['manufacturer'] === null ? null : ['id' => (int)$row['manufacturer_id'], 'name' => Text::decode($row['manufacturer'])],
				'category_ids' => array_map('intval', array_column($categories[$id] ?? [], 'category_id')),
				'attributes' => array_map(function (array $attribute): array {
					return ['attribute_id' => (int)$attribute['attribute_id'], 'name' => Text::decode($attribute['name']), 'text' => Text::decode($attribute['text'])];
				}, $attributes[$id] ?? []),
				'image' => $shop->imageUrl($row['image']),
				'images' => array_values(array_filter(array_map([$shop, 'imageUrl'], array_column($images[$id] ?? [], 'image')))),
				'date_added' => $shop->times->toUtc($row['date_added']),
				'date_modified' => $shop->times->toUtc($row['date_modified']),
				'descriptions' => (object)$names,
				'children' => $children,
			];
		}

		return $rows;
	}

	private function load(array $ids): array {
		$rows = $this->shop->db->rows(
			'SELECT p.*, m.name AS manufacturer, w.unit AS weight_unit FROM {product} p LEFT JOIN {manufacturer} m ON m.manufacturer_id = p.manufacturer_id
			LEFT JOIN {weight_class_description} w ON w.weight_class_id = p.weight_class_id AND w.language_id = :language WHERE p.product_id IN (:ids)',
			['ids' => $ids, 'language' => $this->shop->languageId()]
		);

		return array_column($rows, null, 'product_id');
	}

	/** Master id => its variants' product rows. */
	private function variants(array $ids): array {
		$found = [];

		if ($this->shop->hasVariants()) {
			foreach ($this->shop->db->rows('SELECT * FROM {product} WHERE master_id IN (:ids) ORDER BY product_id', ['ids' => $ids]) as $row) {
				$found[(int)$row['master_id']][] = $row;
			}
		}

		return $found;
	}

	/** Product id => {sku, upc, ean, jan, isbn, mpn}, decoded. */
	public function codes(array $ids): array {
		$found = [];

		if (!$ids) {
			return $found;
		}

		if ($this->shop->hasProductCode()) {
			foreach ($this->shop->db->rows('SELECT product_id, code, value FROM {product_code} WHERE product_id IN (:ids) ORDER BY product_code_id DESC', ['ids' => $ids]) as $row) {
				$found[(int)$row['product_id']][strtolower($row['code'])] = Text::decode($row['value']);
			}

			return $found;
		}

		foreach ($this->shop->db->rows('SELECT product_id, sku, upc, ean, jan, isbn, mpn FROM {product} WHERE product_id IN (:ids)', ['ids' => $ids]) as $row) {
			$id = (int)$row['product_id'];
			unset($row['product_id']);
			$found[$id] = array_map([Text::class, 'decode'], $row);
		}

		return $found;
	}

	private function texts(array $ids): array {
		$found = [];

		foreach ($this->shop->db->rows('SELECT pd.product_id, l.code, pd.name, pd.description FROM {product_description} pd JOIN {language} l ON l.language_id = pd.language_id WHERE pd.product_id IN (:ids)', ['ids' => $ids]) as $row) {
			$found[(int)$row['product_id']][$row['code']] = ['name' => Text::decode($row['name']), 'description' => Text::decode($row['description'])];
		}

		return $found;
	}

	private function grouped(string $sql, array $ids): array {
		$found = [];

		foreach ($this->shop->db->rows($sql, ['ids' => $ids, 'language' => $this->shop->languageId()]) as $row) {
			$found[(int)$row['product_id']][] = $row;
		}

		return $found;
	}

	private function optionChildren(int $id, array $row, array $codes, array $option): array {
		return array_map(function (array $value) use ($id, $row, $codes, $option): array {
			return [
				'key' => $id . '-' . $value['option_value_id'],
				'product_id' => null,
				'option_id' => $option['option_id'],
				'option_value_id' => $value['option_value_id'],
				'product_option_id' => $option['product_option_id'],
				'product_option_value_id' => $value['product_option_value_id'],
				'sku' => Kind::childSku($value['own_sku'], $codes['sku'] ?? '', Text::decode($row['model']), $value['option_value_id']),
				'sku_source' => $value['own_sku'] !== '' ? 'own' : 'default',
				'label' => (object)[$option['name'] => $value['name']],
				'quantity' => $value['quantity'],
				'price' => Kind::childPrice($row['price'], $value['price'], $value['prefix']),
				'image' => $this->shop->imageUrl($value['image']),
			];
		}, $option['values']);
	}

	private function variantChildren(array $variants, array $codes, array $options, $masterPrice): array {
		$values = [];

		foreach ($options as $option) {
			foreach ($option['values'] as $value) {
				$values[$value['product_option_value_id']] = ['option' => $option['name']] + $value;
			}
		}

		return array_map(function (array $row) use ($codes, $options, $values, $masterPrice): array {
			$label = [];
			$chosen = array_values(array_filter(Kind::variantValues($row['variant']), function (int $value) use ($values): bool {
				return isset($values[$value]);
			}));

			foreach ($chosen as $value) {
				$label[$values[$value]['option']] = $values[$value]['name'];
			}

			// Where the cart sells the master (4.0), the master's price and the option value's stock are what counts.
			$own = $this->shop->sellsVariants();

			return [
				'key' => (string)(int)$row['product_id'],
				'product_id' => (int)$row['product_id'],
				'option_id' => null,
				'option_value_id' => null,
				'product_option_id' => null,
				'product_option_value_id' => null,
				'sku' => $codes[(int)$row['product_id']]['sku'] ?? '',
				'sku_source' => 'own',
				'label' => (object)$label,
				'quantity' => !$own && count($chosen) === 1 ? $values[$chosen[0]]['quantity'] : (int)$row['quantity'],
				'price' => Decimal::text(Decimal::units($own ? $row['price'] : $masterPrice) + Kind::surcharge($chosen, $options)),
				'image' => $this->shop->imageUrl($row['image']),
			];
		}, $variants);
	}

	private function byModel(string $model): array {
		return $this->masters(array_map('intval', $this->shop->db->column('SELECT product_id FROM {product} WHERE model = :model', ['model' => Text::encode($model)])));
	}

	/** The ids themselves and, for variants, their masters: the list shows the parent's row. */
	private function masters(array $ids): array {
		if (!$ids || !$this->shop->hasVariants()) {
			return $ids;
		}

		return array_values(array_unique(array_merge($ids, array_map('intval', $this->shop->db->column('SELECT master_id FROM {product} WHERE product_id IN (:ids) AND master_id > 0', ['ids' => $ids])))));
	}
}
