<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Reads one field of a JSON body, or says in one sentence what is wrong with it (422 `invalid`). */
final class Input {
	const MAX_INT = 2147483647;

	public static function id(array $data, string $name, string $field = ''): int {
		$value = self::whole($data[$name] ?? null);

		if ($value === null || $value < 1) {
			throw ApiError::invalid($field ?: $name, 'Give the ' . str_replace('_', ' ', $name) . ' as a whole number.');
		}

		return $value;
	}

	public static function quantity($value, string $field): int {
		$number = self::whole($value);

		if ($number === null || $number < 0) {
			throw ApiError::invalid($field, 'Quantity must be a whole number, 0 or more.');
		}

		return $number;
	}

	/** A decimal string of 0 or more with at most `$places` decimals. */
	public static function decimal($value, string $field, int $places = 4): string {
		$text = is_int($value) || is_string($value) ? trim((string)$value) : (is_float($value) ? self::floatText($value) : '');

		if (!preg_match('/^[0-9]{1,11}(\.[0-9]{1,' . $places . '})?$/D', $text)) {
			throw ApiError::invalid($field, 'Give a number of 0 or more with at most ' . $places . ' decimals.');
		}

		return $text;
	}

	public static function flag($value, string $field): bool {
		if (is_bool($value)) {
			return $value;
		}

		if ($value === 0 || $value === 1 || $value === '0' || $value === '1') {
			return (bool)(int)$value;
		}

		throw ApiError::invalid($field, 'Give true or false.');
	}

	public static function text($value, string $field, int $max): string {
		if (!is_string($value) && !is_int($value)) {
			throw ApiError::invalid($field, 'Give text.');
		}

		$text = trim((string)$value);

		if (!preg_match('//u', $text)) {
			throw ApiError::invalid($field, 'This text is not valid UTF-8.');
		}

		if ((int)preg_match_all('/./us', $text) > $max) {
			throw ApiError::invalid($field, 'This text is longer than ' . $max . ' characters.');
		}

		return $text;
	}

	/** A day or null. */
	public static function day($value, string $field) {
		if ($value === null || $value === '') {
			return null;
		}

		$day = is_string($value) ? \DateTime::createFromFormat('!Y-m-d', $value) : false;

		if (!$day || $day->format('Y-m-d') !== $value) {
			throw ApiError::invalid($field, 'Give a day as YYYY-MM-DD, or null for an open end.');
		}

		return $value;
	}

	/** @return array a JSON list */
	public static function items($value, string $field, int $max): array {
		if (!is_array($value) || array_keys($value) !== array_keys(array_keys($value))) {
			throw ApiError::invalid($field, 'Give a list.');
		}

		if (count($value) > $max) {
			throw ApiError::invalid($field, 'Give at most ' . $max . ' entries.');
		}

		return $value;
	}

	/** @return int[] */
	public static function ids($value, string $field, int $max = 500): array {
		return array_map(function ($entry) use ($field): int {
			$id = self::whole($entry);

			if ($id === null || $id < 0) {
				throw ApiError::invalid($field, 'Give a list of whole numbers.');
			}

			return $id;
		}, self::items($value, $field, $max));
	}

	public static function ref($value): string {
		if (!is_string($value) || !preg_match('/^[A-Za-z0-9._:-]{1,64}$/D', $value)) {
			throw ApiError::invalid('ref', 'Give a ref of 1 to 64 letters, digits, dots, colons, hyphens or underscores.');
		}

		return $value;
	}

	/** A whole number that fits the column, or null. */
	public static function whole($value) {
		if (is_string($value) && preg_match('/^-?[0-9]{1,10}$/D', $value)) {
			$value = (int)$value;
		}

		return is_int($value) && abs($value) <= self::MAX_INT ? $value : null;
	}

	private static function floatText(float $value): string {
		return rtrim(rtrim(sprintf('%.8F', $value), '0'), '.');
	}
}
