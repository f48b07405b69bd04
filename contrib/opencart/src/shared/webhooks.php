<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Wakes the OMS. Runs inside the buyer's checkout, so it is short, silent and never repeated. */
final class Webhooks {
	const EVENTS = ['order.created', 'order.updated', 'order.deleted'];
	const MAX_URLS = 5;
	const MILLISECONDS = 1500;

	/** @var Platform */
	private $shop;
	/** @var array[] events of this request */
	private static $waiting = [];
	/** @var bool */
	private static $armed = false;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** `webhook_set` of CONTRACT.md. */
	public function set(array $data): array {
		$url = Input::text($data['url'] ?? null, 'url', 500);
		$host = parse_url($url, PHP_URL_HOST);

		if (!preg_match('#^https?://[^\s]+$#iD', $url) || !$host) {
			throw ApiError::invalid('url', 'Give an address that begins with https:// or http://.');
		}

		$events = Input::items($data['events'] ?? null, 'events', 10);

		foreach ($events as $event) {
			if (!in_array($event, self::EVENTS, true)) {
				throw ApiError::invalid('events', 'Known events are ' . implode(', ', self::EVENTS) . '.');
			}
		}

		$id = (int)$this->shop->db->value('SELECT webhook_id FROM {oms_webhook} WHERE url = :url', ['url' => $url]);

		if (!$events) {
			$this->shop->db->run('DELETE FROM {oms_webhook} WHERE webhook_id = :id', ['id' => $id]);

			return ['id' => $id, 'url' => $url, 'events' => []];
		}

		$secret = Input::text($data['secret'] ?? null, 'secret', 255);

		if (strlen($secret) < 16) {
			throw ApiError::invalid('secret', 'The secret needs at least 16 characters.');
		}

		$row = ['url' => $url, 'events' => implode(',', array_values(array_unique($events))), 'secret' => $secret];

		if ($id) {
			$this->shop->db->update('oms_webhook', $row, 'webhook_id = :id', ['id' => $id]);
		} else {
			$id = $this->shop->db->insert('oms_webhook', $row);
			$this->dropOldest();
		}

		return ['id' => $id, 'url' => $url, 'events' => explode(',', $row['events'])];
	}

	/** An OMS that moved leaves its old address behind: the newest few are kept. */
	private function dropOldest() {
		$ids = $this->shop->db->column('SELECT webhook_id FROM {oms_webhook} ORDER BY webhook_id DESC');

		if (count($ids) > self::MAX_URLS) {
			$this->shop->db->run('DELETE FROM {oms_webhook} WHERE webhook_id IN (:ids)', ['ids' => array_map('intval', array_slice($ids, self::MAX_URLS))]);
		}
	}

	/** Body of CONTRACT.md section 6. */
	public static function body(string $id, string $event, int $orderId, int $from, int $to, int $now): string {
		return (string)json_encode(['id' => $id, 'event' => $event, 'order_id' => $orderId, 'from' => $from, 'to' => $to, 'at' => Times::format($now)]);
	}

	/** Notes an event; it is sent when the request is over and everything is stored. */
	public function announce(string $event, int $orderId, int $from, int $to, int $now) {
		self::$waiting[] = ['event' => $event, 'body' => self::body(bin2hex(random_bytes(16)), $event, $orderId, $from, $to, $now)];

		if (!self::$armed) {
			self::$armed = true;
			register_shutdown_function([$this, 'deliver']);
		}
	}

	/** Sends what waits, all at once, within 1.5 s. Never throws. */
	public function deliver() {
		$events = self::$waiting;
		self::$waiting = [];

		try {
			$hooks = $events ? $this->shop->db->rows('SELECT url, events, secret FROM {oms_webhook}') : [];

			if (!$hooks || !function_exists('curl_multi_init')) {
				return;
			}

			if (function_exists('fastcgi_finish_request')) {
				// The buyer has the page already; only the worker waits for us.
				fastcgi_finish_request();
			}

			$this->send($events, $hooks);
		} catch (\Throwable $error) {
			$this->shop->log('webhook not sent: ' . $error->getMessage());
		}
	}

	private function send(array $events, array $hooks) {
		$multi = curl_multi_init();
		$calls = [];

		foreach ($hooks as $hook) {
			foreach ($events as $event) {
				if (!in_array($event['event'], explode(',', $hook['events']), true)) {
					continue;
				}

				$call = curl_init($hook['url']);
				curl_setopt_array($call, [
					CURLOPT_POST => true,
					CURLOPT_POSTFIELDS => $event['body'],
					CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Expect:', 'X-OMS-Event: ' . $event['event'], 'X-OMS-Signature: ' . Signing::webhook($hook['secret'], $event['body'])],
					CURLOPT_RETURNTRANSFER => true,
					CURLOPT_FOLLOWLOCATION => false,
					CURLOPT_CONNECTTIMEOUT_MS => 1000,
					CURLOPT_TIMEOUT_MS => self::MILLISECONDS,
					CURLOPT_NOSIGNAL => true,
					CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
					CURLOPT_USERAGENT => 'oms_connect/' . OMS_CONNECT_VERSION,
				]);
				curl_multi_add_handle($multi, $call);
				$calls[] = $call;
			}
		}

		$deadline = microtime(true) + self::MILLISECONDS / 1000;

		do {
			curl_multi_exec($multi, $running);

			if ($running) {
				curl_multi_select($multi, 0.1);
			}
		} while ($running && microtime(true) < $deadline);

		foreach ($calls as $call) {
			curl_multi_remove_handle($multi, $call);
		}

		curl_multi_close($multi);
	}
}
