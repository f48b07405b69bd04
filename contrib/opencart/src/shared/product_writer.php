<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** `product_create`, `product_update`, `product_delete`. */
final class ProductWriter {
	/** @var Platform */
	private $shop;
	/** @var ProductFields */
	private $fields;
	/** @var Children */
	private $children;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
		$this->fields = new ProductFields($shop);
		$this->children = new Children($shop);
	}

	/** Goes through the admin's own model: pretty URL, stores and whatever extensions add to it. */
	public function create(array $data, int $now): array {
		$ref = Input::ref($data['ref'] ?? null);
		$refs = new Refs($this->shop->db);
		$stored = $refs->find('product', $ref);

		// A product that was deleted since is made anew: its answer would lead to nothing, or to a stranger.
		if ($stored && $stored['done'] && $this->exists((int)($stored['answer']['product_id'] ?? 0))) {
			return ['duplicate' => true] + $stored['answer'];
		}

		$kind = (string)($data['kind'] ?? (empty($data['children']) ? Kind::SIMPLE : Kind::OPTIONS));

		if ($kind !== Kind::SIMPLE && $kind !== Kind::OPTIONS) {
			throw ApiError::invalid('kind', 'A product can be made as simple or options.');
		}

		$codes = $this->fields->codes($data) + array_fill_keys(array_keys(ProductFields::CODES), '');
		$option = null;
		$values = [];

		if ($kind === Kind::OPTIONS) {
			list($option, $values) = $this->children->resolve($data);
			$data['price'] = Kind::lowest(array_column($values, 'price'));
			$data['quantity'] = array_sum(array_column($values, 'quantity'));
		}

		$data['model'] = (string)($data['model'] ?? '') !== '' ? $data['model'] : $codes['sku'];

		if (!isset($data['price'])) {
			throw ApiError::invalid('price', 'Give a price.');
		}

		$this->fields->refuseDuplicate($codes['sku'], 'sku');

		foreach ($values as $index => $value) {
			if ($value['sku'] !== '' && $value['sku'] === $codes['sku']) {
				throw ApiError::invalid('children.' . $index . '.sku', 'A child needs another SKU than its product.');
			}

			$this->fields->refuseDuplicate($value['sku'], 'children.' . $index . '.sku');
		}

		$texts = $this->fields->texts($data, true);
		$categories = $this->fields->categories($data) ?: [];
		$attributes = $this->fields->attributes($data) ?: [];
		$special = $this->fields->special($data);
		$columns = $this->fields->columns($data);
		$images = $this->fields->moreImages($data) ?: [];

		$answer = $this->shop->db->transaction(function () use ($refs, $ref, $stored, $columns, $codes, $texts, $categories, $attributes, $images, $special, $option, $values, $now): array {
			if (!$stored) {
				$refs->claim('product', $ref, 0, 0);
			}

			$row = $this->base($columns, $codes, $texts, $categories, $attributes, $images, $now);

			if ($option) {
				list($option, $values) = $this->children->realise($option, $values);
				$row['product_option'] = [$this->option($option, $values, (string)$columns['price'])];
			}

			$id = (int)$this->shop->productModel()->addProduct($row);

			if ($special) {
				(new Specials($this->shop))->set($id, $special[0], $special[1], $special[2]);
			}

			$answer = ['product_id' => $id, 'children' => $option ? $this->childAnswers($id, $values) : []];
			$refs->answer('product', $ref, $id, $answer);

			return $answer;
		});
		$this->shop->clearProductCache();

		return $answer + ['duplicate' => false, 'warnings' => $this->fields->images->warnings];
	}

	private function exists(int $id): bool {
		return (bool)$this->shop->db->value('SELECT product_id FROM {product} WHERE product_id = :id', ['id' => $id]);
	}

	/** Writes the given fields only. OpenCart's editProduct would wipe whatever the caller did not send. */
	public function update(array $data, int $now): array {
		$id = Input::id($data, 'product_id');
		$products = new Products($this->shop);
		$row = $products->one($id, $now);

		if (isset($data['kind']) && $data['kind'] !== $row['kind']) {
			throw ApiError::invalid('kind', 'The kind of a product cannot be changed: delete it and make it anew.');
		}

		if (isset($data['quantity']) && $row['kind'] !== Kind::SIMPLE) {
			throw ApiError::invalid('quantity', 'This product keeps its stock per child: set it there.');
		}

		$codes = $this->fields->codes($data);

		if (isset($codes['sku']) && $codes['sku'] !== $row['sku']) {
			$this->fields->refuseDuplicate($codes['sku'], 'sku', $id);
		}

		$children = $this->childChanges($id, $row, $data);
		$texts = $this->fields->texts($data, false);
		$categories = $this->fields->categories($data);
		$attributes = $this->fields->attributes($data);
		$special = $this->fields->special($data);
		$columns = $this->fields->columns($data);
		$images = $this->fields->moreImages($data);

		if (isset($data['image']) && ($columns['image'] ?? '') === '') {
			// The new picture could not be had: the old one stays.
			unset($columns['image']);
		}

		$this->shop->db->transaction(function () use ($id, $row, $columns, $codes, $texts, $categories, $attributes, $images, $special, $children) {
			$stock = new StockPrice($this->shop);
			$figures = array_intersect_key($columns, ['quantity' => 1, 'price' => 1]);
			$columns = array_diff_key($columns, $figures);

			if (!$this->shop->hasProductCode()) {
				$columns += array_map([Text::class, 'encode'], $codes);
			} else {
				$this->writeCodes($id, $codes);
			}

			$this->shop->db->update('product', $columns + ['date_modified' => $this->shop->times->wall(time())], 'product_id = :id', ['id' => $id]);

			if ($figures) {
				$stock->apply(['product_id' => $id] + $figures);
			}

			$this->writeTexts($id, $texts);
			$this->writeLists($id, $categories, $attributes, $images);

			if ($special) {
				(new Specials($this->shop))->set($id, $special[0], $special[1], $special[2]);
			}

			$this->writeChildren($id, $row, $children, $stock);
			Override::mark($this->shop->db, $id, $this->marks($columns, $codes, $texts, $categories, $attributes, $images, $special));
		});
		$this->shop->clearProductCache();

		return $products->one($id, $now);
	}

	/** @return array{deleted: int[]} variants first: OpenCart would leave them behind without a master */
	public function delete(array $data): array {
		$id = Input::id($data, 'product_id');

		if (!$this->exists($id)) {
			throw ApiError::noProduct('product_id', (string)$id);
		}

		$ids = $this->shop->hasVariants() ? array_map('intval', $this->shop->db->column('SELECT product_id FROM {product} WHERE master_id = :id ORDER BY product_id', ['id' => $id])) : [];
		$ids[] = $id;
		$this->shop->db->transaction(function () use ($ids) {
			foreach ($ids as $productId) {
				$this->shop->db->run('DELETE FROM {oms_option_sku} WHERE product_option_value_id IN (SELECT product_option_value_id FROM {product_option_value} WHERE product_id = :id)', ['id' => $productId]);
				$this->shop->productModel()->deleteProduct($productId);
			}
		});
		$this->shop->clearProductCache();

		return ['deleted' => $ids];
	}

	private function base(array $columns, array $codes, array $texts, array $categories, array $attributes, array $images, int $now): array {
		$languages = array_keys($texts);
		$store = $this->shop->storeId();
		$row = $columns + [
			'quantity' => 0, 'minimum' => 1, 'subtract' => 1, 'status' => 1, 'weight' => '0', 'weight_class_id' => (int)$this->shop->config('config_weight_class_id'),
			'stock_status_id' => (int)$this->shop->config('config_stock_status_id') ?: 5, 'tax_class_id' => 0, 'manufacturer_id' => 0, 'image' => '',
		];
		$row += array_map([Text::class, 'encode'], $codes) + [
			'master_id' => 0, 'location' => '', 'variant' => [], 'override' => [], 'shipping' => 1, 'points' => 0, 'length' => 0, 'width' => 0, 'height' => 0,
			'length_class_id' => (int)$this->shop->config('config_length_class_id'), 'sort_order' => 1,
			'date_available' => substr($this->shop->times->wall($now - 86400), 0, 10),
			'product_store' => [$store], 'product_category' => $categories, 'product_attribute' => [], 'product_image' => [], 'product_code' => [], 'product_description' => [], 'product_seo_url' => [],
		];

		foreach ($texts as $language => $text) {
			$row['product_description'][$language] = $text + ['tag' => '', 'meta_title' => $text['name'], 'meta_description' => '', 'meta_keyword' => ''];
			$row['product_seo_url'][$store][$language] = $this->keyword(Text::decode($text['name']), $store, $language, $codes['sku'] !== '' ? $codes['sku'] : Text::decode($columns['model']));
		}

		foreach ($attributes as $attribute => $text) {
			$row['product_attribute'][] = ['attribute_id' => $attribute, 'product_attribute_description' => array_fill_keys($languages, ['text' => $text])];
		}

		foreach ($images as $index => $image) {
			$row['product_image'][] = ['image' => $image, 'sort_order' => $index];
		}

		foreach (array_filter($codes, 'strlen') as $code => $value) {
			$row['product_code'][] = ['code' => strtoupper($code), 'value' => Text::encode($value)];
		}

		return $row;
	}

	/** A free word for the pretty URL. */
	private function keyword(string $name, int $store, int $language, string $code): string {
		foreach ([Text::slug($name), Text::slug($name . '-' . $code), Text::slug($name) . '-' . bin2hex(random_bytes(4))] as $keyword) {
			$taken = $this->shop->db->value('SELECT seo_url_id FROM {seo_url} WHERE keyword = :keyword AND store_id = :store LIMIT 1', ['keyword' => $keyword, 'store' => $store]);

			if ($keyword !== '' && !$taken) {
				return $keyword;
			}
		}

		return $keyword;
	}

	private function option(array $option, array $values, string $base): array {
		return [
			'product_option_id' => 0, 'option_id' => $option['option_id'], 'type' => $option['type'], 'required' => 1, 'value' => '',
			'product_option_value' => array_map(function (array $value) use ($base): array {
				return self::optionValue($value, $base);
			}, $values),
		];
	}

	private static function optionValue(array $value, string $base): array {
		list($difference, $prefix) = Kind::difference($base, $value['price']);

		return ['option_value_id' => $value['option_value_id'], 'quantity' => $value['quantity'], 'subtract' => 1, 'price' => $difference, 'price_prefix' => $prefix, 'points' => 0, 'points_prefix' => '+', 'weight' => 0, 'weight_prefix' => '+'];
	}

	private function childAnswers(int $id, array $values): array {
		$skus = array_column($values, 'sku', 'option_value_id');
		$answers = [];

		foreach ($this->shop->db->rows('SELECT product_option_value_id, product_option_id, option_id, option_value_id FROM {product_option_value} WHERE product_id = :id ORDER BY product_option_value_id', ['id' => $id]) as $row) {
			$row = array_map('intval', $row);
			$sku = $skus[$row['option_value_id']] ?? '';
			$this->children->setSku($row['product_option_value_id'], $sku);
			$answers[$row['option_value_id']] = ['key' => $id . '-' . $row['option_value_id'], 'option_id' => $row['option_id'], 'option_value_id' => $row['option_value_id'], 'product_option_id' => $row['product_option_id'], 'product_option_value_id' => $row['product_option_value_id'], 'sku' => $sku];
		}

		$rows = (new Products($this->shop))->one($id, time())['children'];

		foreach ($rows as $child) {
			$answers[$child['option_value_id']]['sku'] = $child['sku'];
		}

		return array_map(function (array $value) use ($answers): array {
			return $answers[$value['option_value_id']];
		}, $values);
	}

	/** @return array[] {child of the row or null, option, value: resolved new value or null, sku, quantity, price} */
	private function childChanges(int $id, array $row, array $data): array {
		if (!isset($data['children'])) {
			return [];
		}

		if ($row['kind'] !== Kind::OPTIONS) {
			throw ApiError::invalid('children', 'Only products of kind options have children that can be set here.');
		}

		$option = ['option_id' => $row['children'][0]['option_id'], 'name' => ''];
		$known = array_column($row['children'], null, 'option_value_id');
		$changes = [];

		foreach (Input::items($data['children'], 'children', 100) as $index => $child) {
			$at = 'children.' . $index;
			$found = $this->children->resolve(['children' => [array_intersect_key((array)$child, ['option_id' => 1, 'option_value_id' => 1, 'label' => 1])], 'price' => $row['price']]);

			if ($found[0]['option_id'] !== $option['option_id']) {
				throw ApiError::invalid($at . '.label', 'This product uses another option.');
			}

			$name = $found[1][0]['name'];
			$change = ['child' => is_int($name) ? ($known[$name] ?? null) : null, 'name' => $name];

			foreach (['sku', 'quantity', 'price'] as $field) {
				if (isset($child[$field])) {
					$change[$field] = $field === 'sku' ? Input::text($child['sku'], $at . '.sku', 64) : ($field === 'quantity' ? Input::quantity($child['quantity'], $at . '.quantity') : Input::decimal($child['price'], $at . '.price'));
				}
			}

			if (isset($change['sku'])) {
				if (!$change['child'] || $change['sku'] !== $change['child']['sku']) {
					$this->fields->refuseDuplicate($change['sku'], $at . '.sku', $id);
				}

				foreach ($row['children'] as $other) {
					if ($other['sku'] === $change['sku'] && (!$change['child'] || $other['key'] !== $change['child']['key'])) {
						throw new ApiError(409, 'duplicate_sku', 'Another child of this product has the SKU ' . $change['sku'] . '.', ['field' => $at . '.sku', 'product_id' => $id]);
					}
				}
			}

			$changes[] = $change;
		}

		return $changes;
	}

	private function writeChildren(int $id, array $row, array $changes, StockPrice $stock) {
		if (!$changes) {
			return;
		}

		$base = (string)$this->shop->db->value('SELECT price FROM {product} WHERE product_id = :id', ['id' => $id]);
		$first = $row['children'][0];

		foreach ($changes as $change) {
			if ($change['child']) {
				$valueId = $change['child']['product_option_value_id'];
				$figures = array_intersect_key($change, ['quantity' => 1, 'price' => 1]);

				if ($figures) {
					$stock->apply(['product_id' => $id, 'option_value_id' => $change['child']['option_value_id']] + $figures);
				}
			} else {
				list($option, $values) = $this->children->realise(['option_id' => $first['option_id'], 'name' => ''], [['name' => $change['name'], 'sku' => '', 'quantity' => $change['quantity'] ?? 0, 'price' => $change['price'] ?? $base]]);
				$valueId = $this->shop->db->insert('product_option_value', self::optionValue($values[0], $base) + ['product_option_id' => $first['product_option_id'], 'product_id' => $id, 'option_id' => $option['option_id']]);
			}

			if (isset($change['sku'])) {
				$this->children->setSku($valueId, $change['sku']);
			}
		}

		$stock->sumValues($id, $first['product_option_id']);
	}

	/** What a variant gets here must outlive the next save of its master. */
	private function marks(array $columns, array $codes, array $texts, $categories, $attributes, $images, $special): array {
		$marks = array_fill_keys(array_keys($columns), 1);

		if ($codes && $this->shop->hasProductCode()) {
			$marks['product_code'] = 1;
		}

		foreach ($texts as $language => $text) {
			$marks['product_description'][$language] = array_fill_keys(array_keys($text), 1);
		}

		$lists = ['product_category' => $categories, 'product_attribute' => $attributes, 'product_image' => $images, $this->shop->specialInDiscount() ? 'product_discount' : 'product_special' => $special];

		return $marks + array_fill_keys(array_keys(array_filter($lists, function ($list): bool {
			return $list !== null;
		})), 1);
	}

	private function writeCodes(int $id, array $codes) {
		foreach ($codes as $code => $value) {
			$this->shop->db->run('DELETE FROM {product_code} WHERE product_id = :id AND code = :code', ['id' => $id, 'code' => strtoupper($code)]);

			if ($value !== '') {
				$this->shop->db->insert('product_code', ['product_id' => $id, 'code' => strtoupper($code), 'value' => Text::encode($value)]);
			}
		}
	}

	private function writeTexts(int $id, array $texts) {
		foreach ($texts as $language => $text) {
			$this->shop->db->update('product_description', $text, 'product_id = :id AND language_id = :language', ['id' => $id, 'language' => $language]);

			if (!$this->shop->db->value('SELECT product_id FROM {product_description} WHERE product_id = :id AND language_id = :language', ['id' => $id, 'language' => $language])) {
				$text += ['name' => '', 'description' => ''];
				$this->shop->db->insert('product_description', $text + ['product_id' => $id, 'language_id' => $language, 'tag' => '', 'meta_title' => $text['name'], 'meta_description' => '', 'meta_keyword' => '']);
			}
		}
	}

	private function writeLists(int $id, $categories, $attributes, $images) {
		$db = $this->shop->db;

		if ($categories !== null) {
			$db->run('DELETE FROM {product_to_category} WHERE product_id = :id', ['id' => $id]);

			foreach ($categories as $category) {
				$db->insert('product_to_category', ['product_id' => $id, 'category_id' => $category]);
			}
		}

		if ($attributes !== null) {
			$db->run('DELETE FROM {product_attribute} WHERE product_id = :id', ['id' => $id]);

			foreach ($attributes as $attribute => $text) {
				foreach ($db->column('SELECT language_id FROM {language}') as $language) {
					$db->insert('product_attribute', ['product_id' => $id, 'attribute_id' => $attribute, 'language_id' => (int)$language, 'text' => $text]);
				}
			}
		}

		if ($images !== null) {
			$db->run('DELETE FROM {product_image} WHERE product_id = :id', ['id' => $id]);

			foreach ($images as $index => $image) {
				$db->insert('product_image', ['product_id' => $id, 'image' => $image, 'sort_order' => $index]);
			}
		}
	}
}
