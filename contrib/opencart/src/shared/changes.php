<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/**
 * Keeps `oms_order_change`: when an order last changed, as a UTC instant. OpenCart cannot be asked: on 4.1 a new status leaves
 * `date_modified` alone, and its history has no index on the order.
 */
final class Changes {
	const RECONCILE_SECONDS = 86400;
	const RECONCILE_DAYS = 90;
	const REF_DAYS = 400;
	/** The newest orders are compared at each poll; the others once a day, and whenever a person asks for it. */
	const NEWEST = 500;
	/** An order that is being placed gets its event within this time. */
	const SETTLE_SECONDS = 10;

	/** @var Platform */
	private $shop;
	/** @var array order id => status before the change */
	private static $before = [];
	/** @var bool true while we write ourselves: nobody needs a wake-up for that */
	public static $ownWrite = false;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	public function remember(int $orderId) {
		self::$before[$orderId] = $this->status($orderId);
	}

	/** @return array{event: string, from: int, to: int}|null what happened, null when nobody may see the order */
	public function record(int $orderId, int $now) {
		$to = $this->status($orderId);
		$known = $this->shop->db->row('SELECT status_id FROM {oms_order_change} WHERE order_id = :id', ['id' => $orderId]);
		$from = self::$before[$orderId] ?? (int)($known['status_id'] ?? 0);
		unset(self::$before[$orderId]);

		if ($to === 0) {
			// An edit puts an order to 0 for a moment; it keeps its row, so that it does not come back as a new one.
			return null;
		}

		$this->shop->db->run(
			'INSERT INTO {oms_order_change} (order_id, changed_at, local_at, status_id) VALUES (:id, :utc, :local, :status) ON DUPLICATE KEY UPDATE changed_at = VALUES(changed_at), local_at = VALUES(local_at), status_id = VALUES(status_id)',
			['id' => $orderId, 'utc' => gmdate('Y-m-d H:i:s', $now), 'local' => $this->shop->times->wall($now), 'status' => $to]
		);

		return ['event' => $known ? 'order.updated' : 'order.created', 'from' => $known && $from === 0 ? (int)$known['status_id'] : $from, 'to' => $to];
	}

	/** @return array|null as record() */
	public function forget(int $orderId) {
		$known = $this->shop->db->row('SELECT status_id FROM {oms_order_change} WHERE order_id = :id', ['id' => $orderId]);
		$from = self::$before[$orderId] ?? 0;
		unset(self::$before[$orderId]);
		$this->shop->db->run('DELETE FROM {oms_order_change} WHERE order_id = :id', ['id' => $orderId]);

		return $known ? ['event' => 'order.deleted', 'from' => $from ?: (int)$known['status_id'], 'to' => 0] : null;
	}

	/** All orders, on install. */
	public function backfill(int $now) {
		$this->merge('1000-01-01 00:00:00', $now);
	}

	/** Before each list is read: new orders and new statuses that were written by SQL, past OpenCart's events. */
	public function catchUp(int $now) {
		$db = $this->shop->db;
		$last = (int)$db->value('SELECT COALESCE(MAX(order_id), 0) FROM {oms_order_change}');
		$ids = array_map('intval', $db->column(
			'SELECT o.order_id FROM {order} o LEFT JOIN {oms_order_change} c ON c.order_id = o.order_id
			WHERE o.order_id > :first AND o.order_status_id > 0 AND (c.order_id IS NULL OR c.status_id <> o.order_status_id)
			AND COALESCE(o.date_modified, o.date_added) < :settled AND ' . Edits::none('o.order_id', $now) . ' ORDER BY o.order_id LIMIT 1000',
			['first' => $last - self::NEWEST, 'settled' => $this->shop->times->wall($now - self::SETTLE_SECONDS)]
		));

		if ($ids) {
			$db->run(
				'INSERT INTO {oms_order_change} (order_id, changed_at, local_at, status_id)
				SELECT o.order_id, :utc, :local, o.order_status_id FROM {order} o WHERE o.order_id IN (:ids)
				ON DUPLICATE KEY UPDATE changed_at = VALUES(changed_at), local_at = VALUES(local_at), status_id = VALUES(status_id)',
				['utc' => gmdate('Y-m-d H:i:s', $now), 'local' => $this->shop->times->wall($now), 'ids' => $ids]
			);
		}
	}

	/** Because a person asks for it: compares all orders placed since that instant (null: of 90 days). */
	public function compare($since, int $now) {
		$this->merge($this->shop->times->wall($since === null ? $now - self::RECONCILE_DAYS * 86400 : $since - 86400), $now);
	}

	/** Once a day, before a list is read: catches what was changed by SQL, past OpenCart's events. */
	public function reconcile(Settings $settings, int $now) {
		$last = (int)$settings->get('reconciled_at');

		if ($now - $last < self::RECONCILE_SECONDS) {
			return;
		}

		$this->shop->db->run("UPDATE {oms_setting} SET value = :now WHERE name = 'reconciled_at' AND value = :last", ['now' => (string)$now, 'last' => $settings->get('reconciled_at')]);

		if ($this->shop->db->affected() === 1) {
			$this->merge($this->shop->times->wall($now - self::RECONCILE_DAYS * 86400), $now);
			$this->shop->db->run('DELETE FROM {oms_ref} WHERE created_at < :old', ['old' => $now - self::REF_DAYS * 86400]);
		}
	}

	/** @param string $since local time of the oldest order to look at */
	private function merge(string $since, int $now) {
		$local = 'GREATEST(o.date_added, COALESCE(o.date_modified, o.date_added), COALESCE(h.newest, o.date_added))';
		$values = ['now' => gmdate('Y-m-d H:i:s', $now), 'since' => $since];
		// Only what OpenCart's own times say is newer than what we know moves; a changed time zone of the store moves nothing.
		$this->shop->db->run(
			'INSERT INTO {oms_order_change} (order_id, changed_at, local_at, status_id)
			SELECT o.order_id, LEAST(' . $this->shop->times->utcSql($local, $now) . ', :now), ' . $local . ', o.order_status_id
			FROM {order} o LEFT JOIN (SELECT order_id, MAX(date_added) AS newest FROM {order_history} WHERE date_added >= :since GROUP BY order_id) h ON h.order_id = o.order_id
			WHERE o.order_status_id > 0 AND o.date_added >= :since AND ' . Edits::none('o.order_id', $now) . '
			ON DUPLICATE KEY UPDATE
			changed_at = IF({oms_order_change}.status_id <> VALUES(status_id), :now, IF(VALUES(local_at) > {oms_order_change}.local_at + INTERVAL 5 SECOND, VALUES(changed_at), {oms_order_change}.changed_at)),
			local_at = GREATEST({oms_order_change}.local_at, VALUES(local_at)), status_id = VALUES(status_id)',
			$values
		);
	}

	private function status(int $orderId): int {
		return (int)$this->shop->db->value('SELECT order_status_id FROM {order} WHERE order_id = :id', ['id' => $orderId]);
	}
}
