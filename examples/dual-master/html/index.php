<?php
// Proves the whole way: node, FastCGI, php host, session store. The counter lives in the session, the session in memcached,
// so it goes on counting whichever node and whichever php host answer the next request.
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;

header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode([
    'node' => $_SERVER['SERVER_NAME'],
    'address' => $_SERVER['SERVER_ADDR'],
    'php' => gethostname(),
    'visits' => $_SESSION['visits'],
]), "\n";
