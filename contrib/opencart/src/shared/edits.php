<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/**
 * Hides an order while OpenCart's own edit is under way. `editOrder` voids the order first (status 0, from 4.1 on "Voided"), writes
 * its lines again, and the status follows later in the same request. A reader in between would see a cancelled, half-written order.
 */
final class Edits {
	/** An edit whose request died is forgotten after this time. */
	const SECONDS = 30;
	const WAIT_SECONDS = 2.0;

	/** @var Platform */
	private $shop;
	/** @var array order id => true while editOrder runs, false when it is done and the status is still to follow */
	private static $open = [];

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** @param string $route route of an event of OpenCart: checkout/order.editOrder or checkout/order/editOrder */
	public static function isEdit(string $route): bool {
		return (bool)preg_match('#[./|]editOrder$#D', $route);
	}

	/** Whether a status that is set now is OpenCart's own voiding inside `editOrder`. */
	public static function isRunning(int $orderId): bool {
		return self::$open[$orderId] ?? false;
	}

	public static function isOpen(int $orderId): bool {
		return isset(self::$open[$orderId]);
	}

	public function begin(int $orderId, int $now) {
		if (!self::$open) {
			// An editOrder that no status follows stays voided: that is the truth then.
			register_shutdown_function([$this, 'finishAll']);
		}

		self::$open[$orderId] = true;
		$this->shop->db->run('INSERT INTO {oms_order_edit} (order_id, until_at) VALUES (:id, :until) ON DUPLICATE KEY UPDATE until_at = VALUES(until_at)', ['id' => $orderId, 'until' => $now + self::SECONDS]);
	}

	public function edited(int $orderId) {
		self::$open[$orderId] = false;
	}

	public function finish(int $orderId) {
		unset(self::$open[$orderId]);
		$this->shop->db->run('DELETE FROM {oms_order_edit} WHERE order_id = :id', ['id' => $orderId]);
	}

	/** Runs when the request ends. Never throws. */
	public function finishAll() {
		foreach (array_keys(self::$open) as $orderId) {
			Events::finished($this->shop, (int)$orderId);
		}
	}

	/** Condition that leaves out orders whose edit is under way. */
	public static function none(string $order, int $now): string {
		return 'NOT EXISTS (SELECT 1 FROM {oms_order_edit} e WHERE e.order_id = ' . $order . ' AND e.until_at > ' . $now . ')';
	}

	/**
	 * Waits a moment for the edits of these orders. Those that are still under way: order id => the status before the edit.
	 *
	 * @param int[] $orderIds
	 */
	public function waitFor(array $orderIds): array {
		$deadline = microtime(true) + self::WAIT_SECONDS;

		do {
			$found = $orderIds ? $this->shop->db->rows(
				'SELECT e.order_id, c.status_id FROM {oms_order_edit} e JOIN {oms_order_change} c ON c.order_id = e.order_id WHERE e.order_id IN (:ids) AND e.until_at > :now',
				['ids' => $orderIds, 'now' => time()]
			) : [];

			if (!$found || microtime(true) >= $deadline) {
				return array_map('intval', array_column($found, 'status_id', 'order_id'));
			}

			usleep(100000);
		} while (true);
	}
}
