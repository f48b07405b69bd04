<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** OpenCart writes DATETIME in the store's own time zone; the wire speaks UTC. */
final class Times {
	/** @var \DateTimeZone */
	private $zone;

	public function __construct(string $zone) {
		$this->zone = new \DateTimeZone($zone);
	}

	/** Local `Y-m-d H:i:s` to the wire's form, or null for the empty and zero dates. In the hour that repeats in autumn the first pass is meant. */
	public function toUtc($local) {
		if (!$this->isDate($local)) {
			return null;
		}

		$offset = $this->zone->getOffset(new \DateTime((string)$local, $this->zone));
		$time = (new \DateTime((string)$local, $this->zone))->getTimestamp();
		$earlier = $time - 3600;

		// PHP may pick either pass of a repeated hour, by version: take the earlier one if it reads the same on the wall.
		if ($this->wall($earlier) === substr((string)$local, 0, 19) && $this->zone->getOffset(new \DateTime('@' . $earlier)) > $offset) {
			$time = $earlier;
		}

		return self::format($time);
	}

	/** A UTC DATETIME of our own tables to the wire's form. */
	public static function fromUtc($utc) {
		if (!is_string($utc) || strncmp($utc, '0000', 4) === 0 || $utc === '') {
			return null;
		}

		return str_replace(' ', 'T', substr($utc, 0, 19)) . 'Z';
	}

	public static function format(int $time): string {
		return gmdate('Y-m-d\TH:i:s\Z', $time);
	}

	/**
	 * Unix time of a wire time.
	 *
	 * @throws ApiError bad_param
	 */
	public static function parse(string $field, string $value): int {
		$time = \DateTime::createFromFormat('!Y-m-d\TH:i:s\Z', $value, new \DateTimeZone('UTC'));

		if (!$time || self::format($time->getTimestamp()) !== $value) {
			throw ApiError::param($field, 'Give a UTC time as YYYY-MM-DDTHH:MM:SSZ.');
		}

		return $time->getTimestamp();
	}

	/** Local wall time of an instant, `Y-m-d H:i:s`. */
	public function wall(int $time): string {
		return (new \DateTime('@' . $time))->setTimezone($this->zone)->format('Y-m-d H:i:s');
	}

	/**
	 * The smallest wall time that any instant from `$since` to `$now` can have. When the clocks go back in between, the wall shows
	 * smaller figures again, and comparing with the plain wall time of `$since` would lose what changed in the repeated hour.
	 */
	public function lowestWall(int $since, int $now): string {
		$lowest = $this->wall($since);

		foreach ($this->transitions($since, max($since, $now)) as $change) {
			$lowest = min($lowest, $this->wall($change['ts']));
		}

		return $lowest;
	}

	/** SQL that turns a local DATETIME expression into UTC, exact across the clock changes of the last twenty years. */
	public function utcSql(string $expression, int $now): string {
		$changes = $this->transitions($now - 630720000, $now);
		$offset = $this->zone->getOffset(new \DateTime('@' . ($now - 630720000)));
		$sql = '';

		foreach ($changes as $change) {
			// The old offset holds for everything that the wall had shown up to the change.
			$sql .= ' WHEN ' . $expression . " < '" . gmdate('Y-m-d H:i:s', $change['ts'] + $offset) . "' THEN " . $offset;
			$offset = $change['offset'];
		}

		return '(' . $expression . ' - INTERVAL ' . ($sql === '' ? $offset : '(CASE' . $sql . ' ELSE ' . $offset . ' END)') . ' SECOND)';
	}

	private function transitions(int $from, int $to): array {
		// The first entry describes the start itself, it is no change. UTC and fixed offsets answer false or one entry.
		return array_slice($this->zone->getTransitions($from, $to) ?: [], 1);
	}

	private function isDate($value): bool {
		return is_string($value) && $value !== '' && strncmp($value, '0000', 4) !== 0;
	}
}
