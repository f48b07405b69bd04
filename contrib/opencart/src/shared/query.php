<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Reads the parameters of a call (400 `bad_param`). */
final class Query {
	/** @var array */
	private $params;
	/** @var int */
	public $limit;
	/** @var string */
	public $after;

	public function __construct(array $params) {
		$this->params = $params;
		$this->limit = $this->whole('limit', 50, 1, 200);
		$this->after = (string)($params['after'] ?? '');
	}

	public function has(string $name): bool {
		return isset($this->params[$name]) && $this->params[$name] !== '';
	}

	public function text(string $name): string {
		return (string)($this->params[$name] ?? '');
	}

	public function whole(string $name, int $default, int $min, int $max): int {
		if (!$this->has($name) && $default >= $min) {
			return $default;
		}

		$value = Input::whole($this->params[$name] ?? null);

		if ($value === null || $value < $min || $value > $max) {
			throw ApiError::param($name, 'Give a whole number from ' . $min . ' to ' . $max . '.');
		}

		return $value;
	}

	/** @return int[]|null null when the parameter was not given */
	public function ids(string $name) {
		if (!isset($this->params[$name])) {
			return null;
		}

		$ids = [];

		foreach (explode(',', $this->params[$name]) as $part) {
			$id = Input::whole(trim($part));

			if ($id === null || $id < 0) {
				throw ApiError::param($name, 'Give whole numbers with commas between them.');
			}

			$ids[] = $id;
		}

		if (count($ids) > 200) {
			throw ApiError::param($name, 'Give at most 200 numbers.');
		}

		return $ids;
	}

	/** Unix time or null. */
	public function time(string $name) {
		return $this->has($name) ? Times::parse($name, $this->params[$name]) : null;
	}

	/**
	 * Cuts one row too many off and gives the cursor of the last row that stays.
	 *
	 * @param array $rows up to limit + 1 rows
	 * @param callable $place row => [sort key, id]
	 */
	public function page(string $call, array &$rows, callable $place) {
		if (count($rows) <= $this->limit) {
			return null;
		}

		$rows = array_slice($rows, 0, $this->limit);
		list($key, $id) = $place($rows[count($rows) - 1]);

		return Cursor::encode($call, $key, $id);
	}
}
