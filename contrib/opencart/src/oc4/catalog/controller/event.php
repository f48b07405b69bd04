<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace Opencart\Catalog\Controller\Extension\OmsConnect;

require_once DIR_EXTENSION . 'oms_connect/system/library/oms_connect/bootstrap.php';

/** Called by OpenCart's events. */
class Event extends \Opencart\System\Engine\Controller {
	public function beforeHistory(string &$route, array &$args): void {
		\OmsConnect\Events::before($this->shop(), $args, (string)$route);
	}

	public function afterHistory(string &$route, array &$args, &$output = null): void {
		\OmsConnect\Events::changed($this->shop(), $args, (string)$route);
	}

	public function beforeDelete(string &$route, array &$args): void {
		\OmsConnect\Events::before($this->shop(), $args);
	}

	public function afterDelete(string &$route, array &$args, &$output = null): void {
		\OmsConnect\Events::deleted($this->shop(), $args);
	}

	private function shop(): callable {
		return function () {
			return new \OmsConnect\Oc4Platform($this->registry);
		};
	}
}
