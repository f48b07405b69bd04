<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** Where the shop's admin folder is: often renamed, so noted on install and looked for when it moved since. */
final class AdminDir {
	/** @return string path with a slash at the end */
	public static function find(Settings $settings): string {
		$noted = $settings->get('admin_dir');

		if ($noted !== '' && is_file($noted . 'model/user/user_group.php')) {
			return $noted;
		}

		$root = defined('DIR_OPENCART') ? DIR_OPENCART : dirname(DIR_SYSTEM) . '/';

		// Only the admin has groups of users; a storefront model of users exists from 4.1 on.
		foreach (glob($root . '*/model/user/user_group.php') ?: [] as $file) {
			$dir = dirname(dirname(dirname($file))) . '/';
			$settings->set('admin_dir', $dir);

			return $dir;
		}

		throw new \RuntimeException('The admin folder of this shop was not found: open the module\'s settings page once.');
	}
}
