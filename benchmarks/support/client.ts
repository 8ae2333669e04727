import { Agent, request } from 'node:http';

/** One HTTP client that keeps its connections. */
export interface Client {
  post(path: string, body: string | Buffer): Promise<{ status: number; body: string }>;
  close(): void;
}

/** A plain keep-alive client: what it costs counts against the figures, so it does as little as it can. */
export function connect(url: string, connections: number, headers: Record<string, string> = {}): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(url);
  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const call = request(
          {
            agent,
            hostname,
            port,
            path,
            method: 'POST',
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (part: string) => {
              text += part;
            });
            response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
          },
        );
        call.on('error', reject);
        call.end(body);
      }),
    close: () => agent.destroy(),
  };
}
