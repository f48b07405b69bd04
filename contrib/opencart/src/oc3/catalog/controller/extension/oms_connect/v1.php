<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

require_once DIR_SYSTEM . 'library/oms_connect/bootstrap.php';

/** index.php?route=extension/oms_connect/v1 */
class ControllerExtensionOmsConnectV1 extends Controller {
	public function index() {
		\OmsConnect\Api::serve(function () {
			return new \OmsConnect\Oc3Platform($this->registry);
		});
	}
}
