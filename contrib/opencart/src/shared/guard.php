<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Lets a request in or says why not, in the order of CONTRACT.md section 2. */
final class Guard {
	const SKEW = 300;
	const NONCE_SECONDS = 600;
	const WRONG_PER_MINUTE = 30;

	/** @var Settings */
	private $settings;
	/** @var GuardStore */
	private $store;

	public function __construct(Settings $settings, GuardStore $store) {
		$this->settings = $settings;
		$this->store = $store;
	}

	/** @throws ApiError */
	public function check(Request $request, int $now) {
		if (!$this->settings->enabled()) {
			throw new ApiError(403, 'disabled', 'The OMS Connect module is switched off: switch it on in its settings.');
		}

		if (!Signing::ipAllowed($this->settings->get('allow_ips'), $request->ip)) {
			throw new ApiError(403, 'ip_not_allowed', 'The address ' . $request->ip . ' is not on the allow-list of the OMS Connect module.');
		}

		$timestamp = (string)($request->headers['x-oms-timestamp'] ?? '');
		$nonce = (string)($request->headers['x-oms-nonce'] ?? '');

		if (!$this->signed($request, $timestamp, $nonce, $now)) {
			// Only wrong requests are slowed down: behind a shared proxy address the right ones must still get in.
			if ($this->store->hit('wrong:' . $request->ip, $now) > self::WRONG_PER_MINUTE) {
				throw $this->slowDown($now);
			}

			throw new ApiError(401, 'bad_signature', 'The signature does not fit: check the Secret Key.');
		}

		if (abs($now - (int)$timestamp) > self::SKEW) {
			throw new ApiError(401, 'stale_timestamp', 'The time stamp is more than ' . self::SKEW . ' seconds off this shop\'s clock.', ['server_time' => gmdate('Y-m-d\TH:i:s\Z', $now)]);
		}

		$budget = (int)$this->settings->get('request_budget');

		if ($budget > 0 && $this->store->hit('all', $now) > $budget) {
			throw $this->slowDown($now);
		}

		if ($request->method !== 'GET' && !$this->store->useNonce($nonce, $now)) {
			throw new ApiError(409, 'replayed', 'This request was already received: sign it again with a new nonce.');
		}
	}

	private function signed(Request $request, string $timestamp, string $nonce, int $now): bool {
		$given = (string)($request->headers['x-oms-signature'] ?? '');

		if (!preg_match('/^[0-9]{1,12}$/D', $timestamp) || !preg_match('/^[0-9a-f]{32}$/D', $nonce) || !preg_match('/^[0-9a-f]{64}$/D', $given)) {
			return false;
		}

		foreach ($this->settings->keys($now) as $key) {
			if (hash_equals(Signing::sign($key, $timestamp, $nonce, $request->method, $request->params, $request->body), $given)) {
				return true;
			}
		}

		return false;
	}

	private function slowDown(int $now): ApiError {
		return new ApiError(429, 'slow_down', 'Too many requests in this minute: wait and ask again.', ['retry_after' => 60 - $now % 60]);
	}
}
