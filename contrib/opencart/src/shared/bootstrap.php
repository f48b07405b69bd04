<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

/* Loads the classes of this folder on demand. The namespace belongs to no framework, so both OpenCart lines can use it. */
if (!defined('OMS_CONNECT_VERSION')) {
	define('OMS_CONNECT_VERSION', '1.1.0');

	spl_autoload_register(function ($class) {
		if (strncmp($class, 'OmsConnect\\', 11) === 0) {
			$file = __DIR__ . '/' . strtolower(preg_replace('/(?<!^)([A-Z])/', '_$1', substr($class, 11))) . '.php';

			if (is_file($file)) {
				require_once $file;
			}
		}
	});
}
