<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** OpenCart 4.0 and 4.1. */
final class Oc4Platform extends Platform {
	private $registry;
	private static $adminRegistry;

	public function __construct($registry) {
		$this->registry = $registry;
		parent::__construct(new Db($registry->get('db'), DB_PREFIX));
	}

	public function version(): string {
		return VERSION;
	}

	public function config(string $key) {
		return $this->registry->get('config')->get($key);
	}

	public function url(): string {
		if (defined('HTTP_CATALOG')) {
			return HTTP_CATALOG;
		}

		return rtrim((string)($this->config('config_url') ?: HTTP_SERVER), '/') . '/';
	}

	public function log(string $text) {
		$this->registry->get('log')->write('oms_connect: ' . $text);
	}

	public function clearProductCache() {
		$this->registry->get('cache')->delete('product');
	}

	public function addHistory(int $orderId, int $statusId, string $comment, bool $notify) {
		$this->registry->get('load')->model('checkout/order');
		$this->registry->get('model_checkout_order')->addHistory($orderId, $statusId, $comment, $notify, true);
	}

	/** A second registry that believes it is the admin: same database and cache, its own loader. */
	public function productModel() {
		if (!self::$adminRegistry) {
			$this->registry->get('autoloader')->register('Opencart\Admin', AdminDir::find(new Settings($this->db)));
			$class = '\Opencart\System\Engine\Registry';
			$admin = new $class();
			$config = clone $this->registry->get('config');
			$config->set('application', 'Admin');
			$admin->set('config', $config);

			foreach (['autoloader', 'db', 'cache', 'log', 'request', 'response', 'session', 'language', 'url', 'template', 'document'] as $key) {
				if ($this->registry->has($key)) {
					$admin->set($key, $this->registry->get($key));
				}
			}

			foreach (['event' => '\Opencart\System\Engine\Event', 'factory' => '\Opencart\System\Engine\Factory', 'load' => '\Opencart\System\Engine\Loader'] as $key => $class) {
				// 4.0 has no factory.
				if (class_exists($class)) {
					$admin->set($key, new $class($admin));
				}
			}

			self::$adminRegistry = $admin;
		}

		self::$adminRegistry->get('load')->model('catalog/product');

		return self::$adminRegistry->get('model_catalog_product');
	}
}
