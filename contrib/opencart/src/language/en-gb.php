<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

// Heading: the first word is what the seller looks for in the list of modules.
$_['heading_title'] = 'OMS Connect';

$_['text_extension'] = 'Extensions';
$_['text_success'] = 'Your settings were saved.';
$_['text_rotated'] = 'A new key was created. Enter it in your OMS now: the old key stops working in 24 hours.';
$_['text_edit'] = 'Settings of OMS Connect';
$_['text_key'] = 'Copy the Domain URL and the Secret Key into your OMS, under Ecommerce Sales Channels, OpenCart.';
$_['text_key_hidden'] = 'You need permission to modify this module to see its key.';
$_['text_rotate'] = 'Make a new key';
$_['text_rotate_confirm'] = 'Make a new key? The key shown here stops working in 24 hours.';
$_['text_old_key'] = 'The previous key works until %s.';
$_['text_webhooks'] = 'Addresses that receive a webhook for each new or changed order';
$_['text_none'] = 'None yet. Your OMS adds its address here.';

$_['entry_status'] = 'Status';
$_['entry_domain'] = 'Domain URL';
$_['entry_key'] = 'Secret Key';
$_['entry_allow_ips'] = 'Allowed addresses';
$_['entry_budget'] = 'Requests per minute';
$_['entry_webhooks'] = 'Webhooks';

$_['help_allow_ips'] = 'IP addresses or ranges (203.0.113.7, 203.0.113.0/24), one per line. Leave it empty to allow every address: a request always needs the key.';
$_['help_budget'] = '0 means no limit.';

$_['error_permission'] = 'You do not have permission to modify this module.';
$_['error_ip'] = 'Nothing was saved: %s is no IP address or range. Correct it and save again.';
$_['error_budget'] = 'Nothing was saved: enter requests per minute as a whole number from 0 to 999999.';
