<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** The signature of CONTRACT.md section 2. Pure functions; `tests/vectors.json` holds examples. */
final class Signing {
	public static function canonicalQuery(array $params): string {
		$pairs = [];
		$names = array_map('strval', array_keys($params));
		sort($names, SORT_STRING);

		foreach ($names as $name) {
			$pairs[] = rawurlencode($name) . '=' . rawurlencode((string)$params[$name]);
		}

		return implode('&', $pairs);
	}

	public static function text(string $timestamp, string $nonce, string $method, array $params, string $body): string {
		return $timestamp . "\n" . $nonce . "\n" . strtoupper($method) . "\n" . self::canonicalQuery($params) . "\n" . hash('sha256', $body);
	}

	public static function sign(string $key, string $timestamp, string $nonce, string $method, array $params, string $body): string {
		return hash_hmac('sha256', self::text($timestamp, $nonce, $method, $params, $body), $key);
	}

	/** Signature of a webhook: over the raw body alone. */
	public static function webhook(string $secret, string $body): string {
		return hash_hmac('sha256', $body, $secret);
	}

	/** Whether an address is in the list (one IP or CIDR per line or comma); an empty list lets everybody in. */
	public static function ipAllowed(string $list, string $ip): bool {
		$entries = preg_split('/[\s,;]+/', $list, -1, PREG_SPLIT_NO_EMPTY);

		if (!$entries) {
			return true;
		}

		$address = @inet_pton($ip);

		if ($address === false) {
			return false;
		}

		foreach ($entries as $entry) {
			$parts = explode('/', $entry, 2);
			$network = @inet_pton($parts[0]);

			if ($network === false || strlen($network) !== strlen($address)) {
				continue;
			}

			$bits = isset($parts[1]) && ctype_digit($parts[1]) ? min((int)$parts[1], strlen($network) * 8) : strlen($network) * 8;

			if (isset($parts[1]) && !ctype_digit($parts[1])) {
				continue;
			}

			$bytes = intdiv($bits, 8);
			$rest = $bits % 8;

			if (substr($network, 0, $bytes) !== substr($address, 0, $bytes)) {
				continue;
			}

			if ($rest === 0 || ((ord($network[$bytes]) ^ ord($address[$bytes])) & (0xff << (8 - $rest)) & 0xff) === 0) {
				return true;
			}
		}

		return false;
	}

	/** First entry of the list that is no IP or CIDR, or '' when all are. */
	public static function badIp(string $list): string {
		foreach (preg_split('/[\s,;]+/', $list, -1, PREG_SPLIT_NO_EMPTY) as $entry) {
			$parts = explode('/', $entry, 2);
			$network = @inet_pton($parts[0]);

			if ($network === false || (isset($parts[1]) && (!ctype_digit($parts[1]) || (int)$parts[1] > strlen($network) * 8))) {
				return $entry;
			}
		}

		return '';
	}
}
