<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

require_once DIR_SYSTEM . 'library/oms_connect/bootstrap.php';

/** Called by OpenCart's events. A value given back would replace the model's own: so nothing is. */
class ControllerExtensionOmsConnectEvent extends Controller {
	public function beforeHistory(&$route, &$args) {
		\OmsConnect\Events::before($this->shop(), $args, (string)$route);
	}

	public function afterHistory(&$route, &$args, &$output = null) {
		\OmsConnect\Events::changed($this->shop(), $args, (string)$route);
	}

	public function beforeDelete(&$route, &$args) {
		\OmsConnect\Events::before($this->shop(), $args);
	}

	public function afterDelete(&$route, &$args, &$output = null) {
		\OmsConnect\Events::deleted($this->shop(), $args);
	}

	private function shop() {
		return function () {
			return new \OmsConnect\Oc3Platform($this->registry);
		};
	}
}
