<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace Opencart\Admin\Controller\Extension\OmsConnect\Module;

require_once DIR_EXTENSION . 'oms_connect/system/library/oms_connect/bootstrap.php';

/** The settings page. */
class OmsConnect extends \Opencart\System\Engine\Controller {
	const ROUTE = 'extension/oms_connect/module/oms_connect';

	public function index(): void {
		$this->load->language(self::ROUTE);
		$this->document->setTitle($this->language->get('heading_title'));
		$token = 'user_token=' . $this->session->data['user_token'];
		$may = $this->user->hasPermission('modify', self::ROUTE);
		$admin = new \OmsConnect\Admin(new \OmsConnect\Oc4Platform($this->registry));
		$data = ['error_warning' => '', 'success' => '', 'may_modify' => $may];

		if ($this->request->server['REQUEST_METHOD'] == 'POST') {
			if ($may) {
				$result = $admin->save($this->request->post, time());
				$data['success'] = $result['success'] ? $this->language->get($result['success']) : '';
				$data['error_warning'] = $result['error'] ? sprintf($this->language->get($result['error']), $result['bad']) : '';
				$this->status();
			} else {
				$data['error_warning'] = $this->language->get('error_permission');
			}
		}

		$data['breadcrumbs'] = [
			['text' => $this->language->get('text_home'), 'href' => $this->url->link('common/dashboard', $token)],
			['text' => $this->language->get('text_extension'), 'href' => $this->url->link('marketplace/extension', $token . '&type=module')],
			['text' => $this->language->get('heading_title'), 'href' => $this->url->link(self::ROUTE, $token)],
		];
		$data['action'] = $this->url->link(self::ROUTE, $token);
		$data['back'] = $this->url->link('marketplace/extension', $token . '&type=module');
		$data += $admin->page($may, time());
		$data['header'] = $this->load->controller('common/header');
		$data['column_left'] = $this->load->controller('common/column_left');
		$data['footer'] = $this->load->controller('common/footer');

		$this->response->setOutput($this->load->view(self::ROUTE, $data));
	}

	public function install(): void {
		if ($this->user->hasPermission('modify', 'extension/module')) {
			(new \OmsConnect\Admin(new \OmsConnect\Oc4Platform($this->registry)))->install(DIR_APPLICATION, time());
			$this->status();
		}
	}

	public function uninstall(): void {
		if ($this->user->hasPermission('modify', 'extension/module')) {
			(new \OmsConnect\Admin(new \OmsConnect\Oc4Platform($this->registry)))->uninstall();
		}
	}

	/** OpenCart's list of modules reads the state from its own setting. */
	private function status(): void {
		$this->load->model('setting/setting');
		$enabled = (new \OmsConnect\Settings(new \OmsConnect\Db($this->db, DB_PREFIX)))->enabled();
		$this->model_setting_setting->editSetting('module_oms_connect', ['module_oms_connect_status' => $enabled ? 1 : 0]);
	}
}
