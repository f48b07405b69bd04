<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What the settings page of the admin does, for both OpenCart lines. */
final class Admin {
	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** Tables, key, events and the times of the orders that are there already. Safe to run again. */
	public function install(string $adminDir, int $now) {
		Schema::install($this->shop->db);
		$settings = new Settings($this->shop->db);

		if ($settings->get('secret_key') === '') {
			$settings->rotate($now);
		}

		$settings->set('schema', Schema::NUMBER);
		$settings->set('admin_dir', $adminDir);
		$settings->set('reconciled_at', (string)$now);
		$settings->set('enabled', '1');
		Schema::addEvents($this->shop->db, $this->shop->version());
		(new Changes($this->shop))->backfill($now);
	}

	/** Events go, tables and key stay: an upgrade is uninstall, delete, upload, install. */
	public function uninstall() {
		Schema::install($this->shop->db);
		Schema::removeEvents($this->shop->db);
		(new Settings($this->shop->db))->set('enabled', '0');
	}

	/**
	 * Takes the form. Nothing is stored when something is wrong.
	 *
	 * @return array{success: string, error: string, bad: string} names of language entries, and what was wrong
	 */
	public function save(array $post, int $now): array {
		$settings = new Settings($this->shop->db);

		if (!empty($post['rotate'])) {
			$settings->rotate($now);

			return ['success' => 'text_rotated', 'error' => '', 'bad' => ''];
		}

		$list = trim((string)($post['allow_ips'] ?? ''));
		$bad = Signing::badIp($list);

		if ($bad !== '') {
			return ['success' => '', 'error' => 'error_ip', 'bad' => $bad];
		}

		$budget = trim((string)($post['request_budget'] ?? '1200'));

		if (!preg_match('/^[0-9]{1,6}$/D', $budget)) {
			return ['success' => '', 'error' => 'error_budget', 'bad' => ''];
		}

		$settings->set('allow_ips', $list);
		$settings->set('request_budget', $budget);
		$settings->set('enabled', empty($post['module_oms_connect_status']) ? '0' : '1');

		return ['success' => 'text_success', 'error' => '', 'bad' => ''];
	}

	/** Fields of the page. The key is shown to those only who may change the module. */
	public function page(bool $mayModify, int $now): array {
		Schema::install($this->shop->db);
		$settings = new Settings($this->shop->db);
		$until = (int)$settings->get('old_key_until');

		return [
			'secret_key' => $mayModify ? $settings->get('secret_key') : '',
			'old_key_until' => $until > $now && $settings->get('old_key') !== '' ? $this->shop->times->wall($until) . ' ' . date_default_timezone_get() : '',
			'allow_ips' => $settings->get('allow_ips'),
			'request_budget' => $settings->get('request_budget'),
			'module_oms_connect_status' => $settings->enabled(),
			'domain_url' => rtrim($this->shop->url(), '/'),
			'module_version' => OMS_CONNECT_VERSION,
			'webhooks' => $this->shop->db->column('SELECT url FROM {oms_webhook} ORDER BY webhook_id'),
		];
	}
}
