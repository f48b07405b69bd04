<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What OpenCart's order events do here. Never throws: it runs inside the buyer's checkout. */
final class Events {
	/** @param string $route what is about to run: a new status, a deletion, or an edit, which is hidden until its status follows */
	public static function before(callable $shop, array $args, string $route = '') {
		self::quietly($shop, function (Platform $shop) use ($args, $route) {
			$orderId = (int)($args[0] ?? 0);

			if (!Edits::isOpen($orderId)) {
				(new Changes($shop))->remember($orderId);
			}

			if (Edits::isEdit($route) && $orderId > 0) {
				Schema::ensure($shop->db, new Settings($shop->db));
				(new Edits($shop))->begin($orderId, time());
			}
		});
	}

	public static function changed(callable $shop, array $args, string $route = '') {
		self::quietly($shop, function (Platform $shop) use ($args, $route) {
			$orderId = (int)($args[0] ?? 0);

			if (Edits::isEdit($route)) {
				(new Edits($shop))->edited($orderId);
			} elseif (!Edits::isRunning($orderId)) {
				self::finished($shop, $orderId);
			}
		});
	}

	/** An order has its status: it may be seen again. */
	public static function finished(Platform $shop, int $orderId) {
		self::quietly(function () use ($shop): Platform {
			return $shop;
		}, function (Platform $shop) use ($orderId) {
			if (Edits::isOpen($orderId)) {
				(new Edits($shop))->finish($orderId);
			}

			self::tell($shop, $orderId, (new Changes($shop))->record($orderId, time()));
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
