<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** The module's own settings. They live in a table of ours, because OpenCart deletes a module's settings with the module. */
final class Settings {
	const OLD_KEY_SECONDS = 86400;
	const DEFAULTS = ['enabled' => '0', 'secret_key' => '', 'old_key' => '', 'old_key_until' => '0', 'allow_ips' => '', 'request_budget' => '1200', 'admin_dir' => '', 'reconciled_at' => '0'];

	/** @var Db|null */
	private $db;
	/** @var array */
	private $values;

	/** With a database the values are read from it; without (tests) they are the ones given. */
	public function __construct($db, array $values = []) {
		$this->db = $db;
		$this->values = $values + self::DEFAULTS;

		if ($db) {
			foreach ($db->rows('SELECT name, value FROM {oms_setting}') as $row) {
				$this->values[$row['name']] = $row['value'];
			}
		}
	}

	public function get(string $name): string {
		return (string)($this->values[$name] ?? '');
	}

	public function set(string $name, string $value) {
		$this->values[$name] = $value;

		if ($this->db) {
			$this->db->run('INSERT INTO {oms_setting} (name, value) VALUES (:name, :value) ON DUPLICATE KEY UPDATE value = VALUES(value)', ['name' => $name, 'value' => $value]);
		}
	}

	public function enabled(): bool {
		return $this->get('enabled') === '1';
	}

	/** Keys that sign now: the current one, and for 24 hours the one before. */
	public function keys(int $now): array {
		$keys = [$this->get('secret_key')];

		if ($this->get('old_key') !== '' && (int)$this->get('old_key_until') > $now) {
			$keys[] = $this->get('old_key');
		}

		// An empty key must never sign anything.
		return array_values(array_filter($keys, 'strlen'));
	}

	/** Makes the first key, or a new one: the old one then signs for 24 hours more. */
	public function rotate(int $now): string {
		$key = bin2hex(random_bytes(32));

		if ($this->get('secret_key') !== '') {
			$this->set('old_key', $this->get('secret_key'));
			$this->set('old_key_until', (string)($now + self::OLD_KEY_SECONDS));
		}

		$this->set('secret_key', $key);

		return $key;
	}
}
