<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** From a request to an answer: the guard, the call, the envelope. Knows no framework. */
final class Api {
	const MAX_BATCH = 100;
	const PAGED = ['limit', 'after'];
	/** call => [method, parameters] */
	const CALLS = [
		'ping' => ['GET', []],
		'stores' => ['GET', []],
		'languages' => ['GET', []],
		'currencies' => ['GET', []],
		'order_statuses' => ['GET', ['language']],
		'stock_statuses' => ['GET', []],
		'tax_classes' => ['GET', []],
		'categories' => ['GET', self::PAGED],
		'attributes' => ['GET', self::PAGED],
		'manufacturers' => ['GET', self::PAGED],
		'options' => ['GET', self::PAGED],
		'products' => ['GET', ['modified_since', 'ids', 'sku', 'model', 'status', 'limit', 'after']],
		'product' => ['GET', ['product_id']],
		'product_create' => ['POST', []],
		'product_update' => ['POST', []],
		'product_delete' => ['POST', []],
		'stock_price' => ['POST', []],
		'orders' => ['GET', ['modified_since', 'created_since', 'status_ids', 'ids', 'compare', 'limit', 'after']],
		'order' => ['GET', ['order_id']],
		'order_history' => ['POST', []],
		'webhook_set' => ['POST', []],
	];

	/** @var Platform */
	private $shop;

	public function __construct(Platform $shop) {
		$this->shop = $shop;
	}

	/** Reads the request, writes the answer. Whatever a theme or another extension printed before is dropped. */
	public static function serve(callable $shop) {
		ini_set('display_errors', '0');
		ob_start();
		$now = time();

		try {
			$platform = $shop();
			set_error_handler(function (int $level, string $message, string $file, int $line) use ($platform): bool {
				if (error_reporting() & $level) {
					$platform->log($message . ' in ' . $file . ':' . $line);
				}

				return true;
			});

			if (($_GET['call'] ?? '') === 'file') {
				self::serveFile($platform, $now);

				return;
			}

			list($status, $answer) = (new self($platform))->answer(Request::fromGlobals(), $now);
		} catch (ApiError $error) {
			list($status, $answer) = [$error->status(), ['error' => $error->body()]];
		} catch (\Throwable $error) {
			error_log('oms_connect: ' . $error->getMessage());
			list($status, $answer) = [500, ['error' => ['code' => 'internal', 'message' => 'The shop met an error: see its error log.']]];
		}

		while (ob_get_level() > 0) {
			ob_end_clean();
		}

		http_response_code($status);
		header('Content-Type: application/json; charset=utf-8');
		header('Cache-Control: no-store');

		if (isset($answer['error']['retry_after'])) {
			header('Retry-After: ' . $answer['error']['retry_after']);
		}

		echo json_encode($answer, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
		restore_error_handler();
	}

	/** A file of an order, for a person's browser: its link is signed, so no header is needed. @throws ApiError */
	private static function serveFile(Platform $shop, int $now) {
		$code = is_string($_GET['code'] ?? null) ? $_GET['code'] : '';
		$signature = is_string($_GET['sig'] ?? null) ? $_GET['sig'] : '';
		$file = (new Files($shop))->open($code, $signature, new Settings($shop->db), $now);

		while (ob_get_level() > 0) {
			ob_end_clean();
		}

		Files::send($file);
		restore_error_handler();
	}

	/** @return array{0: int, 1: array} HTTP status and envelope */
	public function answer(Request $request, int $now): array {
		try {
			$settings = new Settings($this->shop->db);
			(new Guard($settings, new DbGuardStore($this->shop->db)))->check($request, $now);
			Schema::ensure($this->shop->db, $settings);
			$call = $this->call($request);
			list($data, $next) = $this->run($call, $request, $settings, $now);

			return [200, ['data' => $data, 'meta' => ['next' => $next, 'server_time' => Times::format($now), 'api' => '1', 'version' => $this->shop->version()]]];
		} catch (ApiError $error) {
			return [$error->status(), ['error' => $error->body()]];
		} catch (\Throwable $error) {
			$this->shop->log($error->getMessage() . ' in ' . $error->getFile() . ':' . $error->getLine());

			return [500, ['error' => ['code' => 'internal', 'message' => 'The shop met an error: see its error log.']]];
		}
	}

	/** What was written past OpenCart's events, before orders are read. */
	private function lookForChanges(Query $query, Settings $settings, int $now) {
		$changes = new Changes($this->shop);

		if ($query->has('compare') && $query->after === '') {
			$changes->compare($query->time('created_since') ?? $query->time('modified_since'), $now);
		}

		if (!$query->has('ids')) {
			$changes->catchUp($now);
		}

		$changes->reconcile($settings, $now);
	}

	private function call(Request $request): string {
		$call = (string)($request->params['call'] ?? '');
		$spec = self::CALLS[$call] ?? null;

		if (!$spec) {
			throw new ApiError(404, 'unknown_call', 'There is no call named ' . substr($call, 0, 64) . '.');
		}

		if ($spec[0] !== $request->method) {
			throw new ApiError(404, 'unknown_call', 'The call ' . $call . ' is asked with ' . $spec[0] . '.');
		}

		foreach (array_keys($request->params) as $name) {
			if (!in_array((string)$name, array_merge(['route', 'call'], $spec[1]), true)) {
				throw ApiError::param((string)$name, 'The call ' . $call . ' has no such parameter.');
			}
		}

		return $call;
	}

	/** @return array{0: mixed, 1: string|null} data and cursor */
	private function run(string $call, Request $request, Settings $settings, int $now): array {
		$query = new Query($request->params);
		$lists = new Lists($this->shop);

		switch ($call) {
			case 'ping':
				return [$lists->ping($settings, $now), null];
			case 'stores':
				return [$lists->stores(), null];
			case 'languages':
				return [$lists->languages(), null];
			case 'currencies':
				return [$lists->currencies(), null];
			case 'order_statuses':
				return [$lists->orderStatuses($query), null];
			case 'stock_statuses':
				return [$lists->stockStatuses(), null];
			case 'tax_classes':
				return [$lists->taxClasses(), null];
			case 'categories':
				return $lists->categories($query);
			case 'attributes':
				return $lists->attributes($query);
			case 'manufacturers':
				return $lists->manufacturers($query);
			case 'options':
				return $lists->options($query);
			case 'products':
				return (new Products($this->shop))->page($query, $now);
			case 'product':
				return [(new Products($this->shop))->one($query->whole('product_id', 0, 1, Input::MAX_INT), $now), null];
			case 'orders':
				$this->lookForChanges($query, $settings, $now);

				return (new Orders($this->shop))->page($query, $now);
			case 'order':
				return [(new Orders($this->shop))->one($query->whole('order_id', 0, 1, Input::MAX_INT)), null];
			case 'product_create':
				return [(new ProductWriter($this->shop))->create($request->json(), $now), null];
			case 'product_update':
				return [(new ProductWriter($this->shop))->update($request->json(), $now), null];
			case 'product_delete':
				return [(new ProductWriter($this->shop))->delete($request->json()), null];
			case 'stock_price':
				return [(new StockPrice($this->shop))->batch($request->json()), null];
			case 'order_history':
				return [(new OrderHistory($this->shop))->batch($request->json()), null];
			case 'webhook_set':
				return [(new Webhooks($this->shop))->set($request->json()), null];
		}

		throw new \LogicException('No code for ' . $call);
	}
}
