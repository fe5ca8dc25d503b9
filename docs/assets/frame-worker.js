/* Browsers refuse workers to a page that was opened from a folder (file://): there, the script of the search runs in a
   hidden frame of the page, which takes and sends messages as a worker does. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame;
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...urls) => urls.forEach((each) => this.load(each));
      this.load(new URL(url, location.href).href, () => {
        this.ready = true;
        this.waiting.splice(0).forEach((data) => this.postMessage(data));
      });
    }
    load(url, loaded) {
      const script = this.frame.contentDocument.createElement("script");
      script.src = url;
      if (loaded) script.onload = loaded;
      this.frame.contentDocument.body.append(script);
    }
    postMessage(data) {
      if (!this.ready) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
