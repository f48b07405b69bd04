<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Our own tables: made on install, kept on uninstall (they hold the key and what was already written). */
final class Schema {
	const TABLES = [
		'oms_setting' => 'name VARCHAR(32) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name)',
		'oms_order_change' => 'order_id INT NOT NULL, changed_at DATETIME NOT NULL, local_at DATETIME NOT NULL, status_id INT NOT NULL, PRIMARY KEY (order_id), KEY changed (changed_at, order_id)',
		'oms_order_edit' => 'order_id INT NOT NULL, until_at INT NOT NULL, PRIMARY KEY (order_id)',
		'oms_option_sku' => 'product_option_value_id INT NOT NULL, sku VARCHAR(64) NOT NULL, PRIMARY KEY (product_option_value_id), KEY sku (sku)',
		'oms_nonce' => 'nonce CHAR(32) NOT NULL, seen_at INT NOT NULL, PRIMARY KEY (nonce), KEY seen (seen_at)',
		'oms_rate' => 'bucket VARCHAR(64) NOT NULL, minute_no INT NOT NULL, hits INT NOT NULL, PRIMARY KEY (bucket)',
		'oms_ref' => 'kind VARCHAR(16) NOT NULL, ref VARCHAR(64) NOT NULL, subject_id INT NOT NULL, mark INT NOT NULL, done TINYINT NOT NULL, answer TEXT NOT NULL, created_at INT NOT NULL, ref_id INT NOT NULL AUTO_INCREMENT, PRIMARY KEY (ref_id), UNIQUE KEY kind_ref (kind, ref), KEY subject (kind, subject_id)',
		'oms_webhook' => 'webhook_id INT NOT NULL AUTO_INCREMENT, url VARCHAR(500) NOT NULL, events VARCHAR(255) NOT NULL, secret VARCHAR(255) NOT NULL, PRIMARY KEY (webhook_id)',
	];

	/** Number of the newest form of our tables; one more with each change of TABLES. */
	const NUMBER = '2';

	/** Makes what a newer version needs, where the files were replaced and nothing was installed again. */
	public static function ensure(Db $db, Settings $settings) {
		if ($settings->get('schema') !== self::NUMBER) {
			self::install($db);
			$settings->set('schema', self::NUMBER);
		}
	}

	/** Makes what is missing. Safe to run again. InnoDB even where the shop's tables are MyISAM: a ref must survive a crash. */
	public static function install(Db $db) {
		foreach (self::TABLES as $table => $columns) {
			$db->run('CREATE TABLE IF NOT EXISTS {' . $table . '} (' . $columns . ') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin');
		}
	}

	/** Event rows of OpenCart: [trigger, action]. */
	public static function events(string $version): array {
		$dot = version_compare($version, '4.1.0.0', '>=') ? '.' : '/';
		$history = version_compare($version, '4.0.0.0', '>=') ? 'addHistory' : 'addOrderHistory';
		$call = version_compare($version, '4.0.2.0', '>=') ? '.' : (version_compare($version, '4.0.0.0', '>=') ? '|' : '/');
		$events = [];

		foreach ([[$history . '/before', 'beforeHistory'], [$history . '/after', 'afterHistory'], ['editOrder/before', 'beforeHistory'], ['editOrder/after', 'afterHistory'], ['deleteOrder/before', 'beforeDelete'], ['deleteOrder/after', 'afterDelete']] as $pair) {
			$events[] = ['catalog/model/checkout/order' . $dot . $pair[0], 'extension/oms_connect/event' . $call . $pair[1]];
		}

		if (version_compare($version, '4.1.0.0', '>=')) {
			// From 4.1 on the admin deletes orders itself; before, it asked the storefront's side.
			$events[] = ['admin/model/sale/order.deleteOrder/before', 'extension/oms_connect/event.beforeDelete'];
			$events[] = ['admin/model/sale/order.deleteOrder/after', 'extension/oms_connect/event.afterDelete'];
		}

		return $events;
	}

	public static function addEvents(Db $db, string $version) {
		self::removeEvents($db);
		$described = (bool)$db->rows("SHOW COLUMNS FROM {event} LIKE 'description'");

		foreach (self::events($version) as $event) {
			$row = ['code' => 'oms_connect', 'trigger' => $event[0], 'action' => $event[1], 'status' => 1, 'sort_order' => 99];
			$db->insert('event', $described ? $row + ['description' => 'Tells the OMS that an order changed'] : $row);
		}
	}

	public static function removeEvents(Db $db) {
		$db->run("DELETE FROM {event} WHERE code = 'oms_connect'");
	}
}
