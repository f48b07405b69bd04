<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** The option values that a product is made with or gets later. */
final class Children {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/**
	 * Checks and resolves `children` of product_create.
	 *
	 * @return array{0: array, 1: array[]} the option {option_id, type} and its values {option_value_id, sku, quantity, price}
	 */
	public function resolve(array $data): array {
		$children = Input::items($data['children'] ?? [], 'children', 100);

		if (!$children) {
			throw ApiError::invalid('children', 'A product of kind options needs at least one child.');
		}

		$option = null;
		$seen = [];
		$skus = [];
		$values = [];

		foreach ($children as $index => $child) {
			$at = 'children.' . $index;
			$child = (array)$child;
			$found = $this->choice($child, $at, $option);
			$sku = isset($child['sku']) ? Input::text($child['sku'], $at . '.sku', 64) : '';

			if (isset($seen[$found['value']])) {
				throw ApiError::invalid($at . '.label', 'Two children have the same value.');
			}

			if ($sku !== '' && isset($skus[$sku])) {
				throw ApiError::invalid($at . '.sku', 'Two children have the same SKU.');
			}

			if (!isset($child['price']) && !isset($data['price'])) {
				throw ApiError::invalid($at . '.price', 'Give a price here or on the product.');
			}

			$option = $found['option'];
			$seen[$found['value']] = true;
			$skus[$sku] = true;
			$values[] = [
				'name' => $found['value'],
				'sku' => $sku,
				'quantity' => Input::quantity($child['quantity'] ?? 0, $at . '.quantity'),
				'price' => Input::decimal($child['price'] ?? $data['price'], $at . (isset($child['price']) ? '.price' : '')),
			];
		}

		return [$option, $values];
	}

	/** Makes the option and values that the shop does not have yet; fills in the ids. Call it only when nothing can fail any more. */
	public function realise(array $option, array $values): array {
		if (!$option['option_id']) {
			$option['option_id'] = $this->makeOption($option['name']);
		}

		$type = (string)$this->shop->db->value('SELECT type FROM {option} WHERE option_id = :id', ['id' => $option['option_id']]);

		foreach ($values as $index => $value) {
			$values[$index]['option_value_id'] = is_int($value['name']) ? $value['name'] : ($this->findValue($option['option_id'], $value['name']) ?: $this->makeValue($option['option_id'], $value['name']));
		}

		return [['option_id' => $option['option_id'], 'type' => $type], $values];
	}

	public function setSku(int $productOptionValueId, string $sku) {
		if ($sku === '') {
			$this->shop->db->run('DELETE FROM {oms_option_sku} WHERE product_option_value_id = :id', ['id' => $productOptionValueId]);
		} else {
			$this->shop->db->run('INSERT INTO {oms_option_sku} (product_option_value_id, sku) VALUES (:id, :sku) ON DUPLICATE KEY UPDATE sku = VALUES(sku)', ['id' => $productOptionValueId, 'sku' => $sku]);
		}
	}

	/** @return array{option: array, value: int|string} value: id when the caller gave ids, else the name */
	private function choice(array $child, string $at, $option): array {
		if (isset($child['option_value_id'])) {
			$value = Input::id($child, 'option_value_id', $at . '.option_value_id');
			$owner = (int)$this->shop->db->value('SELECT option_id FROM {option_value} WHERE option_value_id = :id', ['id' => $value]);

			if (!$owner || (isset($child['option_id']) && $owner !== Input::whole($child['option_id']))) {
				throw ApiError::invalid($at . '.option_value_id', 'This shop has no such option value.');
			}

			$found = ['option_id' => $owner, 'name' => ''];
		} else {
			$label = $child['label'] ?? null;

			if (!is_array($label) || count($label) !== 1) {
				throw ApiError::invalid($at . '.label', 'Give one option and its value, for example {"Size": "Small"}.');
			}

			$name = Input::text((string)key($label), $at . '.label', 128);
			$value = Input::text(reset($label), $at . '.label', 128);

			if ($name === '' || $value === '') {
				throw ApiError::invalid($at . '.label', 'Give one option and its value, for example {"Size": "Small"}.');
			}

			$found = ['option_id' => $this->findOption($name), 'name' => $name];
			$value = ($found['option_id'] ? $this->findValue($found['option_id'], $value) : 0) ?: $value;
		}

		if ($option && ($option['option_id'] !== $found['option_id'] || (!$option['option_id'] && strcasecmp($option['name'], $found['name']) !== 0))) {
			throw ApiError::invalid('children', 'OpenCart keeps stock for one option only: join two dimensions into one.');
		}

		return ['option' => $found, 'value' => $value];
	}

	private function findOption(string $name): int {
		return (int)$this->shop->db->value("SELECT o.option_id FROM {option} o JOIN {option_description} d ON d.option_id = o.option_id WHERE d.language_id = :language AND LOWER(d.name) = LOWER(:name) AND o.type IN (:types) ORDER BY o.option_id LIMIT 1", ['language' => $this->shop->languageId(), 'name' => Text::encode($name), 'types' => Kind::CHOICE]);
	}

	private function findValue(int $optionId, string $name): int {
		return (int)$this->shop->db->value('SELECT option_value_id FROM {option_value_description} WHERE option_id = :option AND language_id = :language AND LOWER(name) = LOWER(:name) ORDER BY option_value_id LIMIT 1', ['option' => $optionId, 'language' => $this->shop->languageId(), 'name' => Text::encode($name)]);
	}

	private function makeOption(string $name): int {
		$id = $this->shop->db->insert('option', ['type' => 'select', 'sort_order' => 0]);

		foreach ($this->languages() as $language) {
			$this->shop->db->insert('option_description', ['option_id' => $id, 'language_id' => $language, 'name' => Text::encode($name)]);
		}

		return $id;
	}

	private function makeValue(int $optionId, string $name): int {
		$id = $this->shop->db->insert('option_value', ['option_id' => $optionId, 'image' => '', 'sort_order' => 0]);

		foreach ($this->languages() as $language) {
			$this->shop->db->insert('option_value_description', ['option_value_id' => $id, 'language_id' => $language, 'option_id' => $optionId, 'name' => Text::encode($name)]);
		}

		return $id;
	}

	private function languages(): array {
		return array_map('intval', $this->shop->db->column('SELECT language_id FROM {language}'));
	}
}
