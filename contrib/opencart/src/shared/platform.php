<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What the shared code needs from the OpenCart it runs in. One subclass per line (3.0, 4.x). */
abstract class Platform {
	/** @var Db */
	public $db;
	/** @var Times */
	public $times;
	/** @var array|null columns of `product`, read once */
	private $columns;
	/** @var bool|null */
	private $specialInDiscount;

	public function __construct(Db $db) {
		$this->db = $db;
		$this->times = new Times($this->zone());
	}

	/** OpenCart writes NOW(). Early 3.0 left the database on its own time zone, later ones set it to the store's. */
	private function zone(): string {
		$zone = date_default_timezone_get();

		if (version_compare($this->version(), '3.0.4.0', '<')) {
			$offset = (int)round((strtotime($this->db->value('SELECT NOW()') . ' UTC') - time()) / 900) * 900;

			if ($offset !== (new \DateTime('now'))->getOffset()) {
				return sprintf('%s%02d:%02d', $offset < 0 ? '-' : '+', intdiv(abs($offset), 3600), intdiv(abs($offset) % 3600, 60));
			}
		}

		return $zone;
	}

	abstract public function version(): string;

	/** A setting of the shop (config_...), for the store that answers. */
	abstract public function config(string $key);

	/** Address of the shop's front, with a slash at the end. */
	abstract public function url(): string;

	abstract public function log(string $text);

	abstract public function clearProductCache();

	/** OpenCart's own addHistory / addOrderHistory: stock, mail, coupons. Text comes HTML-escaped. */
	abstract public function addHistory(int $orderId, int $statusId, string $comment, bool $notify);

	/** The admin's model `catalog/product`, loaded from the catalog side. */
	abstract public function productModel();

	public function hasVariants(): bool {
		return in_array('master_id', $this->columns(), true);
	}

	/** 4.1 sells a variant as itself; 4.0 puts its master into the cart, with the variant's option value chosen. */
	public function sellsVariants(): bool {
		return version_compare($this->version(), '4.1.0.0', '>=');
	}

	public function hasProductCode(): bool {
		return !in_array('sku', $this->columns(), true);
	}

	public function specialInDiscount(): bool {
		if ($this->specialInDiscount === null) {
			$this->specialInDiscount = (bool)$this->db->rows("SHOW COLUMNS FROM {product_discount} LIKE 'special'");
		}

		return $this->specialInDiscount;
	}

	public function transactions(): bool {
		$row = $this->db->row("SHOW TABLE STATUS WHERE Name = :name", ['name' => trim($this->db->bind('{product}', []), '`')]);

		return strcasecmp((string)($row['Engine'] ?? ''), 'InnoDB') === 0;
	}

	/** Id of the store's default language, whatever the visitor's language is. */
	public function languageId(): int {
		return (int)$this->db->value('SELECT language_id FROM {language} WHERE code = :code', ['code' => $this->languageCode()]);
	}

	public function languageCode(): string {
		// 4.1 split the setting in two (storefront, admin); the older ones have config_language for the storefront.
		foreach (['config_language_catalog', 'config_language'] as $key) {
			$code = (string)$this->config($key);

			if ($code !== '' && $this->db->value('SELECT language_id FROM {language} WHERE code = :code', ['code' => $code])) {
				return $code;
			}
		}

		return (string)$this->db->value('SELECT code FROM {language} ORDER BY sort_order, language_id LIMIT 1');
	}

	/** @return int[] */
	public function statusList(string $key): array {
		return array_values(array_map('intval', (array)$this->config($key)));
	}

	public function customerGroupId(): int {
		// Not config('config_customer_group_id'): the start-up overwrites it with the visitor's group.
		$value = $this->db->value("SELECT `value` FROM {setting} WHERE `key` = 'config_customer_group_id' ORDER BY store_id = :store DESC, store_id LIMIT 1", ['store' => $this->storeId()]);

		return (int)$value ?: 1;
	}

	public function storeId(): int {
		return (int)$this->config('config_store_id');
	}

	public function imageUrl($path) {
		if ((string)$path === '') {
			return null;
		}

		return $this->url() . 'image/' . str_replace('%2F', '/', rawurlencode(Text::decode($path)));
	}

	private function columns(): array {
		if ($this->columns === null) {
			$this->columns = array_column($this->db->rows('SHOW COLUMNS FROM {product}'), 'Field');
		}

		return $this->columns;
	}
}
