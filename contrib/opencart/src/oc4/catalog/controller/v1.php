<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace Opencart\Catalog\Controller\Extension\OmsConnect;

require_once DIR_EXTENSION . 'oms_connect/system/library/oms_connect/bootstrap.php';

/** index.php?route=extension/oms_connect/v1 */
class V1 extends \Opencart\System\Engine\Controller {
	public function index(): void {
		\OmsConnect\Api::serve(function () {
			return new \OmsConnect\Oc4Platform($this->registry);
		});
	}
}
