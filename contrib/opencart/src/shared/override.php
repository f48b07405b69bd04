<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** A variant (4.x) takes over from its master, at every save of the master in the admin, whatever is not marked as its own. */
final class Override {
	/**
	 * Marks fields as the variant's own. Does nothing for products that are no variants.
	 *
	 * @param array $marks names as in OpenCart's `override` column; may be nested
	 */
	public static function mark(Db $db, int $productId, array $marks) {
		$row = $marks ? $db->row('SELECT * FROM {product} WHERE product_id = :id', ['id' => $productId]) : [];

		if (empty($row['master_id'])) {
			return;
		}

		$stored = (array)json_decode((string)$row['override'], true);
		$db->update('product', ['override' => json_encode(array_replace_recursive($stored, $marks))], 'product_id = :id', ['id' => $productId]);
	}
}
