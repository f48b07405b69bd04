<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** A thin layer over OpenCart's database object: `{table}` becomes the prefixed name, `:name` a quoted value. */
final class Db {
	/** @var object query(), escape(), getLastId(), countAffected() */
	private $handle;
	/** @var string */
	private $prefix;
	/** @var bool whether the connection carries four-byte characters */
	private $wide;

	public function __construct($handle, string $prefix, bool $wide = true) {
		$this->handle = $handle;
		$this->prefix = $prefix;
		$this->wide = $wide;
	}

	public function run(string $sql, array $values = []) {
		return $this->handle->query($this->bind($sql, $values));
	}

	public function rows(string $sql, array $values = []): array {
		return $this->run($sql, $values)->rows;
	}

	public function row(string $sql, array $values = []): array {
		return $this->run($sql, $values)->row;
	}

	/** First column of the first row, or null. */
	public function value(string $sql, array $values = []) {
		$row = $this->row($sql, $values);

		return $row ? reset($row) : null;
	}

	/** First column of every row. */
	public function column(string $sql, array $values = []): array {
		return array_map(function (array $row) {
			return reset($row);
		}, $this->rows($sql, $values));
	}

	public function insert(string $table, array $data): int {
		$this->run('INSERT INTO {' . $table . '} SET ' . $this->assignments($data), $data);

		return (int)$this->handle->getLastId();
	}

	public function update(string $table, array $data, string $where, array $values) {
		$this->run('UPDATE {' . $table . '} SET ' . $this->assignments($data) . ' WHERE ' . $where, $data + $values);
	}

	public function affected(): int {
		return (int)$this->handle->countAffected();
	}

	/** Runs the work in one transaction; where the tables know none (MyISAM) each statement stands for itself. */
	public function transaction(callable $work) {
		$this->handle->query('START TRANSACTION');

		try {
			$result = $work();
			$this->handle->query('COMMIT');

			return $result;
		} catch (\Throwable $error) {
			$this->handle->query('ROLLBACK');

			throw $error;
		}
	}

	public function bind(string $sql, array $values): string {
		return preg_replace_callback('/\{([a-z_]+)\}|(?<![A-Za-z0-9_:]):([a-z][a-z0-9_]*)/', function (array $match) use ($values) {
			if ($match[1] !== '') {
				return '`' . $this->prefix . $match[1] . '`';
			}

			if (!array_key_exists($match[2], $values)) {
				throw new \LogicException('No value for :' . $match[2]);
			}

			return $this->quote($values[$match[2]]);
		}, $sql);
	}

	private function quote($value): string {
		if (is_array($value)) {
			return $value ? implode(', ', array_map([$this, 'quote'], $value)) : 'NULL';
		}

		if ($value === null) {
			return 'NULL';
		}

		if (is_bool($value)) {
			return $value ? '1' : '0';
		}

		if (is_int($value)) {
			return (string)$value;
		}

		$text = (string)$value;

		if (!$this->wide) {
			// OpenCart 3 speaks three-byte UTF-8: a four-byte character would cut the text off where it stands.
			$text = preg_replace('/[\x{10000}-\x{10FFFF}]/u', '?', $text);
		}

		return "'" . $this->handle->escape((string)$text) . "'";
	}

	private function assignments(array $data): string {
		return implode(', ', array_map(function (string $name): string {
			return '`' . $name . '` = :' . $name;
		}, array_keys($data)));
	}
}
