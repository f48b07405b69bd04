<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** `stock_price`: absolute figures, to the row that the storefront really counts from. */
final class StockPrice {
	/** @var Platform */
	private $shop;
	/** @var Options */
	private $options;
	/** @var Specials */
	private $specials;
	/** @var array product id => its options */
	private $choices = [];
	/** @var array product id => true for masters */
	private $masters = [];

	public function __construct(Platform $shop) {
		$this->shop = $shop;
		$this->options = new Options($shop);
		$this->specials = new Specials($shop);
	}

	public function batch(array $data): array {
		$this->prefetch($data);
		$answers = $this->shop->db->transaction(function () use ($data): array {
			return Batch::run($data, function (array $item): array {
				$this->apply($item);

				return [];
			});
		});
		$this->shop->clearProductCache();

		return $answers;
	}

	/** Options and masters of the whole batch at once: OpenCart has no index for either. */
	private function prefetch(array $data) {
		$ids = [];

		foreach (is_array($data['items'] ?? null) ? array_slice($data['items'], 0, Api::MAX_BATCH) : [] as $item) {
			$ids[] = is_array($item) ? (int)Input::whole($item['product_id'] ?? null) : 0;
		}

		$ids = array_values(array_unique(array_filter($ids)));
		$this->choices = $this->options->of($ids) + array_fill_keys($ids, []);
		$this->masters = $this->options->masters($ids);
	}

	/**
	 * Everything is checked before the first write, so that a refused item leaves nothing half done.
	 *
	 * @throws ApiError
	 */
	public function apply(array $item) {
		$id = Input::id($item, 'product_id');
		$optionValue = array_key_exists('option_value_id', $item) && $item['option_value_id'] !== null ? Input::id($item, 'option_value_id') : 0;
		$change = $this->read($item);

		if (!$change) {
			throw ApiError::invalid('quantity', 'Give a quantity, a price or a special.');
		}

		$product = $this->shop->db->row('SELECT * FROM {product} WHERE product_id = :id', ['id' => $id]);

		if (!$product) {
			throw ApiError::noProduct('product_id', (string)$id);
		}

		if (!isset($this->choices[$id])) {
			$this->prefetch(['items' => [$item]]);
		}

		$choice = $this->choices[$id];
		$kind = Kind::of($choice, isset($this->masters[$id]));

		if ($optionValue) {
			$this->value($product, $kind, $choice, $optionValue, $change);
		} else {
			$this->product($product, $kind, $change);
		}

		$this->shop->db->run('UPDATE {product} SET date_modified = NOW() WHERE product_id = :id', ['id' => $id]);
	}

	private function read(array $item): array {
		$change = [];

		if (isset($item['quantity'])) {
			$change['quantity'] = Input::quantity($item['quantity'], 'quantity');
		}

		if (isset($item['price'])) {
			$change['price'] = Input::decimal($item['price'], 'price');
		}

		if (array_key_exists('special', $item)) {
			$special = $item['special'];

			if ($special !== null && !is_array($special)) {
				throw ApiError::invalid('special', 'Give null, or an object with price, date_from and date_to.');
			}

			$change['special'] = $special === null ? [null, null, null] : [
				Input::decimal($special['price'] ?? null, 'special.price'),
				Input::day($special['date_from'] ?? null, 'special.date_from'),
				Input::day($special['date_to'] ?? null, 'special.date_to'),
			];
		}

		return $change;
	}

	private function value(array $product, string $kind, array $choice, int $optionValue, array $change) {
		if (isset($change['special'])) {
			throw ApiError::invalid('special', 'OpenCart has no special price for one option value: set it on the product.');
		}

		if ($kind !== Kind::OPTIONS) {
			throw ApiError::invalid('option_value_id', 'This product is of kind ' . $kind . ': only products of kind options are set by option value.');
		}

		foreach (Options::tracked($choice)['values'] as $value) {
			if ($value['option_value_id'] === $optionValue) {
				$row = [];

				if (isset($change['quantity'])) {
					$row['quantity'] = $change['quantity'];
				}

				if (isset($change['price'])) {
					list($row['price'], $row['price_prefix']) = Kind::difference($product['price'], $change['price']);
				}

				$this->shop->db->update('product_option_value', $row, 'product_option_value_id = :id', ['id' => $value['product_option_value_id']]);

				if (isset($change['quantity'])) {
					$this->sumValues((int)$product['product_id'], $value['product_option_id'] ?? 0);
				}

				return;
			}
		}

		throw ApiError::noProduct('option_value_id', $optionValue . ' in product ' . $product['product_id']);
	}

	private function product(array $product, string $kind, array $change) {
		$id = (int)$product['product_id'];

		if (isset($change['quantity'])) {
			if ($kind === Kind::COMPLEX) {
				throw ApiError::invalid('quantity', 'This product has options that share their stock: its quantity cannot be set from outside.');
			}

			if ($kind === Kind::OPTIONS) {
				throw ApiError::invalid('option_value_id', 'This product keeps its stock per option value: say which one.');
			}

			if ($kind === Kind::VARIANTS) {
				throw ApiError::invalid('quantity', 'This product keeps its stock per variant: send the variant\'s product_id.');
			}
		}

		$row = array_intersect_key($change, ['quantity' => 1, 'price' => 1]);

		if (isset($row['price']) && !empty($product['master_id'])) {
			Override::mark($this->shop->db, $id, ['price' => 1]);
			$row['price'] = $this->variantPrice($product, $row['price']);
		}

		if ($row) {
			$this->shop->db->update('product', $row, 'product_id = :id', ['id' => $id]);
		}

		if (isset($change['special'])) {
			$this->specials->set($id, $change['special'][0], $change['special'][1], $change['special'][2]);
			Override::mark($this->shop->db, $id, [$this->shop->specialInDiscount() ? 'product_discount' : 'product_special' => 1]);
		}

		if (isset($change['quantity']) && !empty($product['master_id'])) {
			$this->sumVariants((int)$product['master_id']);
		}
	}

	/** The price to store so that the cart asks for the given one. */
	private function variantPrice(array $variant, string $price): string {
		$master = (int)$variant['master_id'];
		$chosen = Kind::variantValues($variant['variant']);

		if ($this->shop->sellsVariants()) {
			return Decimal::text(Decimal::units($price) - Kind::surcharge($chosen, $this->options->of([$master])[$master] ?? []));
		}

		if (count($chosen) === 1) {
			// 4.0 charges the master's price and the option value's difference, whatever the variant's page shows.
			list($difference, $prefix) = Kind::difference($this->shop->db->value('SELECT price FROM {product} WHERE product_id = :id', ['id' => $master]), $price);
			$this->shop->db->update('product_option_value', ['price' => $difference, 'price_prefix' => $prefix], 'product_option_value_id = :id AND product_id = :master', ['id' => $chosen[0], 'master' => $master]);
		}

		return $price;
	}

	/** The product's own figure is checked by the cart as well: it must be the sum of the values. */
	public function sumValues(int $productId, int $productOptionId) {
		$this->shop->db->run(
			'UPDATE {product} SET quantity = (SELECT COALESCE(SUM(pov.quantity), 0) FROM {product_option_value} pov WHERE pov.product_option_id = :option AND pov.subtract = 1), date_modified = NOW() WHERE product_id = :id',
			['option' => $productOptionId, 'id' => $productId]
		);
	}

	/** A sale of a variant takes from the variant, the master and the master's option value: all three must agree. */
	private function sumVariants(int $masterId) {
		$sums = [];
		$total = 0;

		foreach ($this->shop->db->rows('SELECT variant, quantity FROM {product} WHERE master_id = :id', ['id' => $masterId]) as $row) {
			$total += (int)$row['quantity'];

			foreach (Kind::variantValues($row['variant']) as $value) {
				$sums[$value] = ($sums[$value] ?? 0) + (int)$row['quantity'];
			}
		}

		foreach ($sums as $value => $quantity) {
			$this->shop->db->update('product_option_value', ['quantity' => $quantity], 'product_option_value_id = :id AND product_id = :master', ['id' => $value, 'master' => $masterId]);
		}

		$this->shop->db->run('UPDATE {product} SET quantity = :total, date_modified = NOW() WHERE product_id = :id', ['total' => $total, 'id' => $masterId]);
	}
}
