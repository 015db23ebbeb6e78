import { consoleSource } from '../_qradar/source.ts';

export default consoleSource({
  id: 'qradar-login-attempts',
  title: 'IBM QRadar: login attempts to the console',
  vendor: 'IBM',
  product: 'QRadar',
  module: 'qradar',
});
