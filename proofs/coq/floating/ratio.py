import numpy as np
from refnn.report.read import load, cases
from refnn.report import findings
c=cases(load('/tmp/wt_kernel/proofs/reports/reference/report.json'))[53]
params,X,Y=c.probe[1:]; cert=findings.certify(c.problem); L=3; m=X.shape[1]
u=2.0**-53; eta=2.0**-1075
sig=lambda z:1/(1+np.exp(-z)); dsig=lambda z:1/(2+2*np.cosh(z))
def Edot(x,y,Ex,Ey,n):
    ax,ay=abs(x),abs(y); first=Ex@ay+ax@Ey+Ex@Ey
    return first+np.expm1(n*np.log1p(u))*((ax+Ex)@(ay+Ey))+n*eta
for K in (8,2):   # exp within K u
    A=[X];EA=[0*X];Z=[None];EZ=[None]
    for l in range(1,L+1):
        W,b=params[f'W{l}'],params[f'b{l}']; p=W.shape[1]
        Wb=np.hstack([W,b]); A1=np.vstack([A[-1],np.ones((1,m))]); E1=np.vstack([EA[-1],np.zeros((1,m))])
        Z.append(W@A[-1]+b); EZ.append(Edot(Wb,A1,0*Wb,E1,p+1))
        z,E=Z[l],EZ[l]; s=sig(z)
        EA.append(E*np.maximum(dsig(z),0)*(1+E)+ (K*(1-s)+2.1)*u*s); A.append(s)
    z,E=Z[L],EZ[L]; s=sig(z)
    dZ=((1-Y)*s-Y*sig(-z))/m; EdZ=(E*dsig(z)*(1+E)+(K+2)*u*((1-Y)*s+Y*sig(-z)))/m+3*u*abs(dZ)
    out={}
    for l in range(L,0,-1):
        out[f'dW{l}']=Edot(dZ,A[l-1].T,EdZ,EA[l-1].T,m)
        out[f'db{l}']=Edot(dZ,np.ones((m,1)),EdZ,np.zeros((m,1)),m)
        W=params[f'W{l}']; dA=W.T@dZ; EdA=Edot(W.T,dZ,0*W.T,EdZ,W.shape[0])
        if l>1:
            zz=Z[l-1]; d=dsig(zz); F=EZ[l-1]*d*abs(np.tanh(zz/2))*(1+EZ[l-1])+EZ[l-1]**2*.1+(K+3)*u*d
            dZn=dA*d; EdZ=(EdA*d+abs(dA)*F+EdA*F)*(1+u)+u*abs(dZn); dZ=dZn
    r=np.concatenate([(out[k]/cert.absolute[k]).ravel() for k in out if k!='dA0'])
    print(K,'median',np.median(r),'90%',np.quantile(r,.9),'min',r.min(), {k:float(np.median(out[k]/cert.absolute[k])) for k in out})
