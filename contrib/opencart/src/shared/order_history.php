<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** `order_history`: a status and a comment, through OpenCart's own model, each ref once. */
final class OrderHistory {
	/** @var Platform */
	private $shop;
	/** @var Refs */
	private $refs;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
		$this->refs = new Refs($shop->db);
	}

	public function batch(array $data): array {
		Changes::$ownWrite = true;

		return Batch::run($data, function (array $item, string $ref): array {
			return $this->add($item, $ref);
		});
	}

	private function add(array $item, string $ref): array {
		$orderId = Input::id($item, 'order_id');
		$statusId = Input::id($item, 'order_status_id');
		$comment = self::comment($item);
		$notify = isset($item['notify']) ? Input::flag($item['notify'], 'notify') : false;
		$expected = isset($item['expect_status_ids']) ? Input::ids($item['expect_status_ids'], 'expect_status_ids') : null;
		$lock = 'oms_order_' . $orderId;

		// The shop's own checkout does not take this lock; it keeps two of our requests apart.
		if ((int)$this->shop->db->value('SELECT GET_LOCK(:name, 10)', ['name' => $lock]) !== 1) {
			throw new ApiError(409, 'status_conflict', 'This order is being written by another request: try again.', ['field' => 'order_id']);
		}

		try {
			return $this->locked($ref, $orderId, $statusId, $comment, $notify, $expected);
		} finally {
			$this->shop->db->value('SELECT RELEASE_LOCK(:name)', ['name' => $lock]);
		}
	}

	private function locked(string $ref, int $orderId, int $statusId, string $comment, bool $notify, $expected): array {
		$stored = $this->refs->find('history', $ref);

		if ($stored && $stored['done']) {
			return ['duplicate' => true] + $stored['answer'];
		}

		$current = (int)$this->shop->db->value('SELECT order_status_id FROM {order} WHERE order_id = :id', ['id' => $orderId]);

		if ((new Edits($this->shop))->waitFor([$orderId])) {
			throw new ApiError(409, 'status_conflict', 'This order is being edited in the shop: try again.', ['field' => 'order_id']);
		}

		if ($current === 0) {
			throw ApiError::noOrder((string)$orderId);
		}

		if (!$this->shop->db->value('SELECT order_status_id FROM {order_status} WHERE order_status_id = :id LIMIT 1', ['id' => $statusId])) {
			throw ApiError::invalid('order_status_id', 'This shop has no order status ' . $statusId . '.');
		}

		if ($stored) {
			// Claimed before, never answered: the work broke off. If its entry is there, it was done.
			$history = $this->newest($orderId, $stored['mark'], $comment);

			if ($history) {
				return ['duplicate' => true] + $this->done($ref, $orderId, $history, false);
			}

			$this->refs->release('history', $ref);
		}

		if ($expected !== null && !in_array($current, $expected, true)) {
			throw new ApiError(409, 'status_conflict', 'The order has another status by now: read it again.', ['field' => 'expect_status_ids', 'status_id' => $current]);
		}

		$last = (int)$this->shop->db->value('SELECT COALESCE(MAX(order_history_id), 0) FROM {order_history}');
		$this->refs->claim('history', $ref, $orderId, $last);
		$failed = !$this->attempt($orderId, $statusId, $comment, $notify, $last);
		$history = $this->newest($orderId, $last, $comment);

		if (!$history) {
			$this->refs->release('history', $ref);

			throw new ApiError(500, 'internal', 'OpenCart did not store the status: see the shop\'s error log.');
		}

		return $this->done($ref, $orderId, $history, $failed) + ['duplicate' => false];
	}

	/** True when all went well; false when the status stands but something around it, mostly the mail, failed. */
	private function attempt(int $orderId, int $statusId, string $comment, bool $notify, int $last): bool {
		if ($this->store($orderId, $statusId, $comment, $notify, $last)) {
			return true;
		}

		// OpenCart mails before it stores: a mail server that refuses must not keep the status from being stored.
		if (!$this->newest($orderId, $last, $comment)) {
			$this->store($orderId, $statusId, $comment, false, $last);
		}

		return false;
	}

	/** One call of OpenCart's model in one transaction, so that stock never moves without its status. */
	private function store(int $orderId, int $statusId, string $comment, bool $notify, int $last): bool {
		$failed = null;

		try {
			$this->shop->db->transaction(function () use ($orderId, $statusId, $comment, $notify, $last, &$failed) {
				try {
					$this->shop->addHistory($orderId, $statusId, Text::encode($comment), $notify);
				} catch (\Throwable $error) {
					$failed = $error;

					// What fails after the entry is stored (another extension's event) must not undo it.
					if (!$this->newest($orderId, $last, $comment)) {
						throw $error;
					}
				}
			});
		} catch (\Throwable $error) {
			$failed = $error;
		}

		if ($failed) {
			$this->shop->log('order ' . $orderId . ': ' . $failed->getMessage());
		}

		return $failed === null;
	}

	/** Our entry, newer than the mark. The status is not asked: a fraud or coupon extension may have put its own in. */
	private function newest(int $orderId, int $above, string $comment): array {
		return $this->shop->db->row(
			'SELECT order_history_id, order_status_id FROM {order_history} WHERE order_history_id > :above AND order_id = :id AND comment = :comment ORDER BY order_history_id DESC LIMIT 1',
			['above' => $above, 'id' => $orderId, 'comment' => Text::encode($comment)]
		);
	}

	private function done(string $ref, int $orderId, array $history, bool $mailFailed): array {
		$answer = ['order_id' => $orderId, 'status_id' => (int)$history['order_status_id'], 'order_history_id' => (int)$history['order_history_id'], 'mail_failed' => $mailFailed];
		$this->refs->answer('history', $ref, $orderId, $answer);

		return $answer;
	}

	private static function comment(array $item): string {
		$tracking = $item['tracking'] ?? [];

		if (!is_array($tracking)) {
			throw ApiError::invalid('tracking', 'Give an object with carrier, number and url.');
		}

		$parts = [];

		foreach (['carrier' => 128, 'number' => 128, 'url' => 500] as $field => $max) {
			$parts[$field] = isset($tracking[$field]) ? Input::text($tracking[$field], 'tracking.' . $field, $max) : '';
		}

		if ($parts['url'] !== '' && !preg_match('#^https?://#i', $parts['url'])) {
			throw ApiError::invalid('tracking.url', 'Give an address that begins with https:// or http://.');
		}

		return OrderRows::comment(isset($item['comment']) ? Input::text($item['comment'], 'comment', 10000) : '', $parts);
	}
}
