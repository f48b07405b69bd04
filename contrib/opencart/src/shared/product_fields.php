<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Checks the fields that product_create and product_update share, and turns them into OpenCart's columns. */
final class ProductFields {
	const CODES = ['sku' => 64, 'upc' => 12, 'ean' => 14, 'jan' => 13, 'isbn' => 17, 'mpn' => 64];

	/** @var Platform */
	private $shop;
	/** @var Images */
	public $images;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
		$this->images = new Images($shop);
	}

	/** Columns of `product` for the fields that are there, HTML-escaped. Codes are not among them: see codes(). */
	public function columns(array $data): array {
		$columns = [];

		if (isset($data['model'])) {
			$columns['model'] = $this->filled($data['model'], 'model', 64);
		}

		foreach (['quantity', 'minimum'] as $field) {
			if (isset($data[$field])) {
				$columns[$field] = Input::quantity($data[$field], $field);
			}
		}

		if (isset($data['price'])) {
			$columns['price'] = Input::decimal($data['price'], 'price');
		}

		if (isset($data['weight'])) {
			$columns['weight'] = Input::decimal($data['weight'], 'weight', 8);
		}

		foreach (['subtract', 'status'] as $field) {
			if (isset($data[$field])) {
				$columns[$field] = Input::flag($data[$field], $field) ? 1 : 0;
			}
		}

		if (isset($data['weight_unit'])) {
			$columns['weight_class_id'] = $this->weightClass(Input::text($data['weight_unit'], 'weight_unit', 16));
		}

		foreach (['stock_status_id' => 'stock_status', 'tax_class_id' => 'tax_class'] as $field => $table) {
			if (isset($data[$field])) {
				$columns[$field] = $this->known($data[$field], $field, $table, $field);
			}
		}

		if (array_key_exists('manufacturer', $data)) {
			$columns['manufacturer_id'] = $this->manufacturer($data['manufacturer']);
		}

		if (array_key_exists('image', $data)) {
			$columns['image'] = $data['image'] === null ? '' : $this->images->path(Input::text($data['image'], 'image', 2000));
		}

		return $columns;
	}

	/** Codes that are there: sku, upc, ... => plain text. */
	public function codes(array $data): array {
		$codes = [];

		foreach (self::CODES as $field => $max) {
			if (isset($data[$field])) {
				$codes[$field] = Input::text($data[$field], $field, $max);
			}
		}

		return $codes;
	}

	/**
	 * Texts by language id, HTML-escaped: the ones given in `descriptions`, the default text for the others.
	 *
	 * @param bool $all also languages that nothing was given for
	 */
	public function texts(array $data, bool $all): array {
		$languages = array_column($this->shop->db->rows('SELECT code, language_id FROM {language}'), 'language_id', 'code');
		$given = [];

		if (isset($data['descriptions'])) {
			if (!is_array($data['descriptions'])) {
				throw ApiError::invalid('descriptions', 'Give an object: language code to name and description.');
			}

			foreach ($data['descriptions'] as $code => $text) {
				if (!isset($languages[$code]) || !is_array($text)) {
					throw ApiError::invalid('descriptions', 'This shop has no language ' . $code . '.');
				}

				$given[$code] = $text;
			}
		}

		$default = $this->shop->languageCode();
		$base = array_intersect_key($data, ['name' => 1, 'description' => 1]) + ($given[$default] ?? []);

		if ($base) {
			$given[$default] = $base + ($given[$default] ?? []);
		}

		if ($all && !isset($given[$default])) {
			$given[$default] = $given ? reset($given) : [];
		}

		$texts = [];

		foreach ($languages as $code => $id) {
			$text = $given[$code] ?? ($all ? $given[$default] : []);

			if (isset($text['name'])) {
				$texts[(int)$id]['name'] = $this->filled($text['name'], 'name', 255);
			} elseif ($all) {
				$texts[(int)$id]['name'] = $this->filled($given[$default]['name'] ?? null, 'name', 255);
			}

			if (isset($text['description']) || $all) {
				$texts[(int)$id]['description'] = $this->description($text['description'] ?? '');
			}
		}

		return $texts;
	}

	/** @return int[]|null */
	public function categories(array $data) {
		if (!isset($data['category_ids'])) {
			return null;
		}

		$ids = array_values(array_unique(Input::ids($data['category_ids'], 'category_ids', 200)));

		if ($ids && count($this->shop->db->column('SELECT category_id FROM {category} WHERE category_id IN (:ids)', ['ids' => $ids])) !== count($ids)) {
			throw ApiError::invalid('category_ids', 'This shop lacks one of these categories: read the list again.');
		}

		return $ids;
	}

	/** @return array|null attribute id => text, HTML-escaped */
	public function attributes(array $data) {
		if (!isset($data['attributes'])) {
			return null;
		}

		$found = [];

		foreach (Input::items($data['attributes'], 'attributes', 200) as $index => $attribute) {
			$field = 'attributes.' . $index;
			$id = Input::id((array)$attribute, 'attribute_id', $field . '.attribute_id');
			$this->known($id, $field . '.attribute_id', 'attribute', 'attribute_id');
			$found[$id] = Text::encode(Input::text($attribute['text'] ?? '', $field . '.text', 10000));
		}

		return $found;
	}

	/** @return string[]|null paths */
	public function moreImages(array $data) {
		if (!isset($data['images'])) {
			return null;
		}

		$paths = [];

		foreach (Input::items($data['images'], 'images', 30) as $index => $image) {
			$paths[] = $this->images->path(Input::text($image, 'images.' . $index, 2000));
		}

		return array_values(array_filter($paths, 'strlen'));
	}

	/** @return array|null [price, from, to] */
	public function special(array $data) {
		if (!array_key_exists('special', $data)) {
			return null;
		}

		return [
			$data['special'] === null ? null : Input::decimal($data['special'], 'special'),
			Input::day($data['special_from'] ?? null, 'special_from'),
			Input::day($data['special_to'] ?? null, 'special_to'),
		];
	}

	/** @throws ApiError duplicate_sku */
	public function refuseDuplicate(string $sku, string $field, int $exceptProduct = 0) {
		if ($sku === '') {
			return;
		}

		foreach ((new Products($this->shop))->bySku($sku) as $id) {
			if ($id !== $exceptProduct) {
				throw new ApiError(409, 'duplicate_sku', 'Product ' . $id . ' of this shop already has the SKU ' . $sku . '.', ['field' => $field, 'product_id' => $id]);
			}
		}
	}

	/** Text that must not be empty, HTML-escaped: escaping makes it longer, and the column would cut it off. */
	private function filled($value, string $field, int $max): string {
		$text = Text::encode(Input::text($value, $field, $max));

		if ($text === '') {
			throw ApiError::invalid($field, 'Give a ' . $field . '.');
		}

		if (preg_match_all('/./us', $text) > $max) {
			throw ApiError::invalid($field, 'This text is too long once its special characters are HTML-escaped.');
		}

		return $text;
	}

	private function description($value): string {
		$text = Text::encode(Input::text($value, 'description', 65535));

		if (strlen($text) > 65535) {
			throw ApiError::invalid('description', 'This description is longer than the 65,535 bytes that OpenCart keeps.');
		}

		return $text;
	}

	private function known($value, string $field, string $table, string $key): int {
		$id = Input::whole($value);

		if ($id === null || ($id !== 0 && !$this->shop->db->value('SELECT ' . $key . ' FROM {' . $table . '} WHERE ' . $key . ' = :id LIMIT 1', ['id' => $id]))) {
			throw ApiError::invalid($field, 'This shop has no such ' . str_replace('_', ' ', $table) . '.');
		}

		return $id;
	}

	private function weightClass(string $unit): int {
		$id = (int)$this->shop->db->value('SELECT weight_class_id FROM {weight_class_description} WHERE unit = :unit LIMIT 1', ['unit' => $unit]);

		if (!$id) {
			throw ApiError::invalid('weight_unit', 'This shop has no weight unit ' . $unit . '.');
		}

		return $id;
	}

	private function manufacturer($value): int {
		if ($value === null) {
			return 0;
		}

		if (!is_array($value)) {
			throw ApiError::invalid('manufacturer', 'Give null, or an object with id or name.');
		}

		if (isset($value['id'])) {
			return $this->known($value['id'], 'manufacturer.id', 'manufacturer', 'manufacturer_id');
		}

		$name = $this->filled($value['name'] ?? null, 'manufacturer.name', 64);
		$id = (int)$this->shop->db->value('SELECT manufacturer_id FROM {manufacturer} WHERE name = :name LIMIT 1', ['name' => $name]);

		if (!$id) {
			$id = $this->shop->db->insert('manufacturer', ['name' => $name, 'image' => '', 'sort_order' => 0]);
			$this->shop->db->insert('manufacturer_to_store', ['manufacturer_id' => $id, 'store_id' => $this->shop->storeId()]);
		}

		return $id;
	}
}
