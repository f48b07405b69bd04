<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Money arithmetic on decimal strings, in ten-thousandths: what OpenCart stores (DECIMAL(15,4)). No floats. */
final class Decimal {
	/** Ten-thousandths of a decimal string. */
	public static function units($value): int {
		$text = trim((string)$value);

		if (!preg_match('/^(-?)([0-9]*)(?:\.([0-9]*))?$/D', $text, $match)) {
			return 0;
		}

		$fraction = substr(str_pad($match[3] ?? '', 4, '0'), 0, 4);
		$units = (int)($match[2] . $fraction);

		return $match[1] === '-' ? -$units : $units;
	}

	public static function text(int $units): string {
		$sign = $units < 0 ? '-' : '';
		$units = abs($units);

		return $sign . intdiv($units, 10000) . '.' . str_pad((string)($units % 10000), 4, '0', STR_PAD_LEFT);
	}

	/** `$base` less `$percent` percent, rounded half up. */
	public static function lessPercent($base, $percent): string {
		$units = self::units($base);
		$off = self::units($percent);

		return self::text($units - (int)round($units * ($off / 1000000)));
	}
}
