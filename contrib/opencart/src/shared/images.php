<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Gets pictures into the shop's image folder. */
final class Images {
	const MAX_BYTES = 5242880;
	const TYPES = [IMAGETYPE_JPEG => 'jpg', IMAGETYPE_PNG => 'png', IMAGETYPE_GIF => 'gif', IMAGETYPE_WEBP => 'webp'];

	/** @var Platform */
	private $shop;
	/** @var string[] what could not be had, for `warnings` */
	public $warnings = [];

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** Path below the image folder, HTML-escaped as OpenCart stores it; '' when there is no such picture. */
	public function path(string $given): string {
		if ($given === '') {
			return '';
		}

		$base = $this->shop->url() . 'image/';

		if (strncmp($given, $base, strlen($base)) === 0) {
			$given = rawurldecode(substr($given, strlen($base)));
		}

		try {
			return Text::encode(preg_match('#^https?://#i', $given) ? $this->download($given) : $this->present($given));
		} catch (\RuntimeException $error) {
			$this->warnings[] = 'Picture ' . $given . ' was left out: ' . $error->getMessage();

			return '';
		}
	}

	private function present(string $path): string {
		$file = realpath(DIR_IMAGE . $path);

		if ($file === false || strncmp($file, realpath(DIR_IMAGE) . DIRECTORY_SEPARATOR, strlen(realpath(DIR_IMAGE)) + 1) !== 0 || !is_file($file)) {
			throw new \RuntimeException('the shop has no such file.');
		}

		return ltrim(str_replace('\\', '/', $path), '/');
	}

	private function download(string $url): string {
		$data = '';
		$call = curl_init($url);
		curl_setopt_array($call, [
			CURLOPT_FOLLOWLOCATION => false,
			CURLOPT_CONNECTTIMEOUT => 5,
			CURLOPT_TIMEOUT => 10,
			CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
			CURLOPT_USERAGENT => 'oms_connect/' . OMS_CONNECT_VERSION,
			CURLOPT_RESOLVE => $this->pin($url),
			CURLOPT_WRITEFUNCTION => function ($handle, string $chunk) use (&$data): int {
				$data .= $chunk;

				return strlen($data) > self::MAX_BYTES ? 0 : strlen($chunk);
			},
		]);
		$done = curl_exec($call);
		$status = (int)curl_getinfo($call, CURLINFO_RESPONSE_CODE);

		if (!$done || $status !== 200) {
			throw new \RuntimeException(strlen($data) > self::MAX_BYTES ? 'it is larger than 5 MB.' : 'the address did not give it (' . ($status ?: curl_error($call)) . ').');
		}

		$info = @getimagesizefromstring($data);

		if (!$info || !isset(self::TYPES[$info[2]])) {
			throw new \RuntimeException('it is no JPEG, PNG, GIF or WebP.');
		}

		$path = 'catalog/oms/' . hash('sha256', $data) . '.' . self::TYPES[$info[2]];

		if (!is_dir(DIR_IMAGE . 'catalog/oms') && !@mkdir(DIR_IMAGE . 'catalog/oms', 0755, true) || @file_put_contents(DIR_IMAGE . $path, $data) === false) {
			throw new \RuntimeException('the image folder cannot be written.');
		}

		return $path;
	}

	/** Ties the call to the address that was checked: only public ones, unless the shop itself lives on a private one. */
	private function pin(string $url): array {
		$host = (string)parse_url($url, PHP_URL_HOST);
		$port = (int)(parse_url($url, PHP_URL_PORT) ?: (stripos($url, 'https:') === 0 ? 443 : 80));
		$ip = filter_var($host, FILTER_VALIDATE_IP) ? $host : gethostbyname($host);

		if (!filter_var($ip, FILTER_VALIDATE_IP)) {
			throw new \RuntimeException('the host is not known.');
		}

		if (!self::isPublic($ip) && self::isPublic(gethostbyname((string)parse_url($this->shop->url(), PHP_URL_HOST)))) {
			throw new \RuntimeException('the address is a private one.');
		}

		return [$host . ':' . $port . ':' . $ip];
	}

	private static function isPublic(string $ip): bool {
		return filter_var($ip, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE) !== false;
	}
}
