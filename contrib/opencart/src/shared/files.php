<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Files that buyers uploaded with an option: their names, and links that open them (CONTRACT.md section 4). */
final class Files {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	public static function signature(string $key, string $code): string {
		return hash_hmac('sha256', "file\n" . $code, $key);
	}

	/**
	 * @param string[] $codes values of options of type file
	 * @return array code => {name, url}
	 */
	public function of(array $codes): array {
		$found = [];

		if (!$codes) {
			return $found;
		}

		$key = (new Settings($this->shop->db))->get('secret_key');

		foreach ($this->shop->db->rows('SELECT code, name FROM {upload} WHERE code IN (:codes)', ['codes' => array_map('strval', $codes)]) as $row) {
			$code = (string)$row['code'];
			$found[$code] = [
				'name' => Text::decode($row['name']),
				'url' => $this->shop->url() . 'index.php?route=extension/oms_connect/v1&call=file&code=' . rawurlencode($code) . '&sig=' . self::signature($key, $code),
			];
		}

		return $found;
	}

	/** Path and name of the file of a link. @throws ApiError */
	public function open(string $code, string $given, Settings $settings, int $now): array {
		if (!$settings->enabled()) {
			throw new ApiError(403, 'disabled', 'The OMS Connect module is switched off: switch it on in its settings.');
		}

		$signed = false;

		foreach ($settings->keys($now) as $key) {
			$signed = $signed || ($code !== '' && hash_equals(self::signature($key, $code), $given));
		}

		if (!$signed) {
			throw new ApiError(401, 'bad_signature', 'This link is not valid any more: open the order in the OMS again.');
		}

		$row = $this->shop->db->row('SELECT name, filename FROM {upload} WHERE code = :code', ['code' => $code]);
		$path = DIR_UPLOAD . basename((string)($row['filename'] ?? ''));

		if (!$row || !is_file($path)) {
			throw new ApiError(404, 'no_such_file', 'The shop no longer has this file.');
		}

		return ['path' => $path, 'name' => Text::decode($row['name'])];
	}

	/** Sends a file as a download, whatever it contains. */
	public static function send(array $file) {
		http_response_code(200);
		header('Content-Type: application/octet-stream');
		header('X-Content-Type-Options: nosniff');
		header('Content-Security-Policy: sandbox');
		header('Cache-Control: no-store');
		header('Content-Disposition: attachment; filename="' . preg_replace('/[^A-Za-z0-9._ -]/', '_', $file['name']) . '"; filename*=UTF-8\'\'' . rawurlencode($file['name']));
		header('Content-Length: ' . filesize($file['path']));
		readfile($file['path']);
	}
}
