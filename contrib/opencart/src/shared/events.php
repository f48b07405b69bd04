<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What OpenCart's order events do here. Never throws: it runs inside the buyer's checkout. */
final class Events {
	public static function before(callable $shop, array $args) {
		self::quietly($shop, function (Platform $shop) use ($args) {
			(new Changes($shop))->remember((int)($args[0] ?? 0));
		});
	}

	public static function changed(callable $shop, array $args) {
		self::quietly($shop, function (Platform $shop) use ($args) {
			self::tell($shop, (int)($args[0] ?? 0), (new Changes($shop))->record((int)($args[0] ?? 0), time()));
		});
	}

	public static function deleted(callable $shop, array $args) {
		self::quietly($shop, function (Platform $shop) use ($args) {
			self::tell($shop, (int)($args[0] ?? 0), (new Changes($shop))->forget((int)($args[0] ?? 0)));
		});
	}

	private static function tell(Platform $shop, int $orderId, $change) {
		if ($change && !Changes::$ownWrite && (new Settings($shop->db))->enabled()) {
			(new Webhooks($shop))->announce($change['event'], $orderId, $change['from'], $change['to'], time());
		}
	}

	private static function quietly(callable $shop, callable $work) {
		try {
			$work($shop());
		} catch (\Throwable $error) {
			error_log('oms_connect: ' . $error->getMessage());
		}
	}
}
