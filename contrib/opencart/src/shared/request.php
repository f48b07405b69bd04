<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** One HTTP request as it came in: never the framework's copy, which is HTML-escaped. */
final class Request {
	/** @var string */
	public $method;
	/** @var array name => value, decoded */
	public $params;
	/** @var array lower-case header name => value */
	public $headers;
	/** @var string raw bytes */
	public $body;
	/** @var string */
	public $ip;

	public function __construct(string $method, array $params, array $headers, string $body, string $ip) {
		$this->method = $method;
		$this->params = $params;
		$this->headers = $headers;
		$this->body = $body;
		$this->ip = $ip;
	}

	/** @throws ApiError bad_param for names that cannot be signed */
	public static function fromGlobals(): self {
		$headers = [];

		foreach (['timestamp', 'nonce', 'signature'] as $name) {
			$headers['x-oms-' . $name] = (string)($_SERVER['HTTP_X_OMS_' . strtoupper($name)] ?? '');
		}

		return new self(
			strtoupper((string)($_SERVER['REQUEST_METHOD'] ?? 'GET')),
			self::parseQuery((string)($_SERVER['QUERY_STRING'] ?? '')),
			$headers,
			(string)file_get_contents('php://input'),
			(string)($_SERVER['REMOTE_ADDR'] ?? '')
		);
	}

	/**
	 * Splits a query string into name => value, refusing what has no single meaning: a name twice, arrays, odd names.
	 *
	 * @throws ApiError bad_param
	 */
	public static function parseQuery(string $query): array {
		$params = [];

		foreach (explode('&', $query) as $pair) {
			if ($pair === '') {
				continue;
			}

			$parts = explode('=', $pair, 2);
			$name = urldecode($parts[0]);

			if (!preg_match('/^[a-z0-9_]{1,64}$/D', $name)) {
				throw ApiError::param(substr(preg_replace('/[^A-Za-z0-9_.\[\] -]/', '?', $name), 0, 64), 'Parameter names hold only a-z, 0-9 and _.');
			}

			if (array_key_exists($name, $params)) {
				throw ApiError::param($name, 'This parameter was given twice.');
			}

			$params[$name] = urldecode($parts[1] ?? '');
		}

		return $params;
	}

	/**
	 * The body as a JSON object.
	 *
	 * @throws ApiError bad_json
	 */
	public function json(): array {
		if (strlen($this->body) > 8388608) {
			throw new ApiError(400, 'bad_json', 'The body is larger than 8 MB: send less at a time.');
		}

		$data = json_decode($this->body, true, 64);

		if (!is_array($data) || substr(ltrim($this->body), 0, 1) !== '{') {
			throw new ApiError(400, 'bad_json', 'The body must be one JSON object.');
		}

		return $data;
	}
}
