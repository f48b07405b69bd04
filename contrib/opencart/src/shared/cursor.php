<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** The opaque place where the next page begins: the call, the sort key and the id of the last row. */
final class Cursor {
	public static function encode(string $call, string $key, int $id): string {
		return rtrim(strtr(base64_encode(json_encode([$call, $key, $id])), '+/', '-_'), '=');
	}

	/**
	 * @return array{0: string, 1: int} sort key and id
	 * @throws ApiError bad_param
	 */
	public static function decode(string $call, string $cursor): array {
		$data = json_decode((string)base64_decode(strtr($cursor, '-_', '+/'), true), true);

		if (!is_array($data) || count($data) !== 3 || $data[0] !== $call || !is_string($data[1]) || !is_int($data[2])) {
			throw ApiError::param('after', 'This cursor does not belong to this call: start again without it.');
		}

		if ($data[1] !== '' && !preg_match('/^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$/D', $data[1])) {
			throw ApiError::param('after', 'This cursor cannot be read: start again without it.');
		}

		return [$data[1], $data[2]];
	}
}
