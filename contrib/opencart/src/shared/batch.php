<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Runs the items of a batch one by one: each has its own answer, none stops its neighbours. */
final class Batch {
	/**
	 * @param callable $work item => fields of the answer; an ApiError becomes the item's error
	 * @throws ApiError bad_param when `items` itself is wrong
	 */
	public static function run(array $data, callable $work): array {
		$items = $data['items'] ?? null;

		if (!is_array($items) || !$items || count($items) > Api::MAX_BATCH || array_keys($items) !== array_keys(array_keys($items))) {
			throw ApiError::param('items', 'Give 1 to ' . Api::MAX_BATCH . ' items.');
		}

		$answers = [];

		foreach ($items as $item) {
			$ref = null;

			try {
				if (!is_array($item)) {
					throw ApiError::invalid('ref', 'Every item must be an object.');
				}

				$ref = Input::ref($item['ref'] ?? null);
				$answers[] = ['ref' => $ref, 'ok' => true] + $work($item, $ref);
			} catch (ApiError $error) {
				$answers[] = ['ref' => $ref, 'ok' => false, 'error' => $error->body()];
			}
		}

		return $answers;
	}
}
