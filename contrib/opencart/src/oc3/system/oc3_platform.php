<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** OpenCart 3.0. */
final class Oc3Platform extends Platform {
	private $registry;
	private static $model;

	public function __construct($registry) {
		$this->registry = $registry;
		parent::__construct(new Db($registry->get('db'), DB_PREFIX, false));
	}

	public function version(): string {
		return VERSION;
	}

	public function config(string $key) {
		return $this->registry->get('config')->get($key);
	}

	public function url(): string {
		if (defined('HTTPS_CATALOG')) {
			return HTTPS_CATALOG;
		}

		return rtrim((string)($this->config('config_ssl') ?: $this->config('config_url')), '/') . '/';
	}

	public function log(string $text) {
		$this->registry->get('log')->write('oms_connect: ' . $text);
	}

	public function clearProductCache() {
		$this->registry->get('cache')->delete('product');
	}

	public function addHistory(int $orderId, int $statusId, string $comment, bool $notify) {
		$this->registry->get('load')->model('checkout/order');
		$this->registry->get('model_checkout_order')->addOrderHistory($orderId, $statusId, $comment, $notify, true);
	}

	/** The admin's class has the name of the storefront's: it can be loaded as long as the other one is not. */
	public function productModel() {
		if (!self::$model) {
			$dir = AdminDir::find(new Settings($this->db));
			$admin = new \Registry();

			foreach (['db', 'cache', 'config', 'log', 'request', 'response', 'session', 'language', 'url', 'event'] as $key) {
				$admin->set($key, $this->registry->get($key));
			}

			$admin->set('load', new Oc3AdminLoader($admin, $dir));
			self::$model = Oc3AdminLoader::make($admin, $dir, 'catalog/product');
		}

		return self::$model;
	}
}
