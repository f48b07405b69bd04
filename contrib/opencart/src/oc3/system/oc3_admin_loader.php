<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Loads models of the admin from the storefront, where OpenCart 3's own loader only knows the storefront's. */
final class Oc3AdminLoader {
	private $registry;
	private $dir;

	public function __construct($registry, string $dir) {
		$this->registry = $registry;
		$this->dir = $dir;
	}

	public function model(string $route) {
		$this->registry->set('model_' . str_replace('/', '_', $route), self::make($this->registry, $this->dir, $route));
	}

	public static function make($registry, string $dir, string $route) {
		$class = 'Model' . preg_replace('/[^a-zA-Z0-9]/', '', $route);
		$file = $dir . 'model/' . $route . '.php';

		if (class_exists($class, false)) {
			$from = str_replace('\\', '/', (string)(new \ReflectionClass($class))->getFileName());

			if (strpos($from, 'catalog/model/' . $route) !== false) {
				throw new \RuntimeException('The storefront\'s model ' . $route . ' was loaded before by another extension.');
			}
		} else {
			// OCMOD and vQmod keep patched copies of the admin's files elsewhere.
			require_once function_exists('modification') ? modification($file) : $file;
		}

		return new $class($registry);
	}
}
