// The usual way: Express 5 and pg. It verifies the signature, and makes inbox row, client row and audit row durable before it answers:
// as three commits, as most receivers are written, or as one careful statement (BENCH_COMMITS=one).
import { createHmac, timingSafeEqual } from 'node:crypto';
import express from 'express';
import pg from 'pg';

const secret = process.env.WEBHOOK_SECRET;
const token = `Bearer ${process.env.SERVICE_API_TOKEN}`;
const pool = new pg.Pool({ host: process.env.PGHOST, user: 'postgres', database: 'postgres', max: 20 });

await pool.query(`
  create schema if not exists express;
  create table if not exists express.inbox (id bigserial primary key, key text not null unique, body text not null,
    received_at timestamptz not null default now());
  create table if not exists express.clients (id bigserial primary key, client_id text not null unique, email text not null,
    first_name text, last_name text, phone text, updated_at timestamptz not null default now());
  create unique index if not exists clients_email on express.clients (lower(email));
  create table if not exists express.audit (id bigserial primary key, action text not null, resource text not null,
    outcome text not null, at timestamptz not null default now());
`);

const INBOX = 'insert into express.inbox (key, body) values ($1, $2) on conflict (key) do nothing returning id';
const CLIENT = `insert into express.clients (client_id, email, first_name, last_name, phone) values ($1, $2, $3, $4, $5)
  on conflict (client_id) do update set email = excluded.email, first_name = excluded.first_name,
  last_name = excluded.last_name, phone = excluded.phone, updated_at = now()`;
const AUDIT = 'insert into express.audit (action, resource, outcome) values ($1, $2, $3)';
const ALL = `with stored as (insert into express.inbox (key, body) values ($1, $2) on conflict (key) do nothing returning id),
  client as (insert into express.clients (client_id, email, first_name, last_name, phone)
    select $3, $4, $5, $6, $7 from stored on conflict (client_id) do update set email = excluded.email,
    first_name = excluded.first_name, last_name = excluded.last_name, phone = excluded.phone, updated_at = now())
  insert into express.audit (action, resource, outcome)
    select 'webhook.receive', $1, case when exists (select from stored) then 'accepted' else 'duplicate' end`;

async function storeInThreeCommits(key, body, data) {
  await pool.query({ name: 'inbox', text: INBOX, values: [key, body] });
  const client = [data.clientId, data.email, data.firstName, data.lastName, data.phone];
  await pool.query({ name: 'client', text: CLIENT, values: client });
  await pool.query({ name: 'audit', text: AUDIT, values: ['webhook.receive', key, 'accepted'] });
}

async function storeInOne(key, body, data) {
  const values = [key, body, data.clientId, data.email, data.firstName, data.lastName, data.phone];
  await pool.query({ name: 'all', text: ALL, values });
}

const store = process.env.BENCH_COMMITS === 'one' ? storeInOne : storeInThreeCommits;
const app = express();
app.disable('x-powered-by');
app.set('etag', false);

app.post('/api/webhooks/site', express.raw({ type: () => true, limit: '256kb' }), async (request, response) => {
  const given = Buffer.from(String(request.get('x-webhook-signature')), 'hex');
  const mac = createHmac('sha256', secret).update(request.body).digest();
  if (given.length !== mac.length || !timingSafeEqual(given, mac)) {
    return response.status(401).json({ error: 'bad signature' });
  }
  const { data } = JSON.parse(request.body.toString());
  const key = mac.toString('hex');
  await store(key, request.body.toString(), data);
  response.json({ status: 'accepted', eventId: key });
});

app.get('/api/service/clients/:email', async (request, response) => {
  if (request.get('authorization') !== token) return response.status(401).json({ error: 'unauthorized' });
  const found = await pool.query({
    name: 'read', text: 'select * from express.clients where lower(email) = lower($1)', values: [request.params.email],
  });
  await pool.query({ name: 'audit', text: AUDIT, values: ['client.read', request.params.email, 'allowed'] });
  if (found.rowCount === 0) return response.status(404).json({ error: 'not found' });
  response.json(found.rows[0]);
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
