<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** OpenCart stores what people typed HTML-escaped, once. */
final class Text {
	public static function decode($stored): string {
		return html_entity_decode((string)$stored, ENT_QUOTES, 'UTF-8');
	}

	public static function encode(string $plain): string {
		return htmlspecialchars($plain, ENT_COMPAT, 'UTF-8');
	}

	/** A word for a pretty URL: letters and digits of any script, joined by hyphens. */
	public static function slug(string $plain): string {
		$slug = trim((string)preg_replace('/[^\p{L}\p{N}]+/u', '-', $plain), '-');

		return function_exists('mb_strtolower') ? mb_substr(mb_strtolower($slug, 'UTF-8'), 0, 60, 'UTF-8') : substr(strtolower($slug), 0, 60);
	}
}
